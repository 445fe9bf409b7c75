//! The resolved configuration as valid TOML, secrets masked, with the origin of every value that is not a
//! default.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;

use insightd_core::rules::reach;

use super::errors::{ConfigErrors, Origin};
use super::topics::{TopicFilter, is_pattern};
use super::walk::Shown;
use super::{Config, host, layers, mask, resolve, rules};

/// A configuration with the origin of each setting.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The configuration.
    pub config: Config,
    shown: Vec<Shown>,
}

impl Resolved {
    /// Like [`Config::load_from`].
    ///
    /// # Errors
    /// Like [`Config::load`].
    pub fn load(
        path: Option<&Path>,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigErrors> {
        let mut merged = layers::merge(path.map(layers::File::Path), variables);
        merged.host = host::name();
        let (shown, config) = resolve::resolve(merged);
        config.map(|config| Self { config, shown })
    }

    /// All settings as TOML, secrets masked; a comment names the origin of a setting that is not a default.
    pub fn toml(&self) -> String {
        let mut text = String::new();
        let mut section = "";
        for shown in &self.shown {
            let (of, key) = split(&shown.key);
            if of != section {
                let gap = if section.is_empty() { "" } else { "\n" };
                let header = if rules::is_rule(of) { format!("[[{}]]", layers::RULES) } else { format!("[{of}]") };
                let _ = writeln!(text, "{gap}{header}");
                section = of;
            }
            let value = if rules::is_rule(of) { shown.value.clone() } else { masked(&shown.key, &shown.value) };
            let _ = match &shown.origin {
                Origin::Default => writeln!(text, "{key} = {value}"),
                origin => writeln!(text, "{key} = {value} # {}", comment(&origin.to_string())),
            };
        }
        text
    }

    /// Consequences of the settings, one sentence each.
    pub fn facts(&self) -> Vec<String> {
        let kafka = &self.config.kafka;
        let mut facts = Vec::new();
        if self.shown.iter().any(|shown| shown.origin == Origin::Host) {
            facts.push(format!("kafka.instance_id is the host name, {}", kafka.instance_id));
        }
        let last = kafka.workers - 1;
        let ids = |id: &dyn Fn(usize) -> String| match last {
            0 => id(0),
            last => format!("{} to {}", id(0), id(last)),
        };
        facts.push(format!("transactional.id of the workers: {}", ids(&|worker| kafka.transactional_id(worker))));
        facts.push(format!("group.instance.id of the workers: {}", ids(&|worker| kafka.member_id(worker))));
        if !self.config.input.keyed_by_account {
            facts.push("input.keyed_by_account is false: each input topic must have one partition".to_owned());
        }
        facts.extend(self.excluded());
        for rule in self.config.rules.iter() {
            let doubts = reach::doubts(rule).into_iter();
            facts.extend(doubts.map(|doubt| format!("rule {} will probably match nothing: {doubt}", rule.name)));
        }
        if !self.config.http.listen.ip().is_loopback() {
            facts.push(format!(
                "http.listen {} can be reached from elsewhere, without authentication",
                self.config.http.listen
            ));
        }
        facts.into_iter().map(|fact| comment(&fact)).collect()
    }

    /// Says which of the daemon's own topics a pattern of `input.topics` matches.
    fn excluded(&self) -> Option<String> {
        if !self.config.input.topics.iter().any(|item| is_pattern(item)) {
            return None;
        }
        let filter = TopicFilter::new(&self.config);
        Some(match filter.excluded().as_slice() {
            [] => "input.topics matches none of the daemon's own topics".to_owned(),
            excluded => {
                format!("input.topics matches the daemon's own topics {}: never read", excluded.join(" and "))
            }
        })
    }
}

/// Section and key as in a file. The dots of a librdkafka key belong to the key.
fn split(key: &str) -> (&str, String) {
    match key.strip_prefix("kafka.client.") {
        Some(client) => ("kafka.client", toml::Value::from(client).to_string()),
        None => key.split_once('.').map(|(section, key)| (section, key.to_owned())).unwrap_or(("", key.to_owned())),
    }
}

fn masked(key: &str, value: &toml::Value) -> toml::Value {
    match value {
        toml::Value::String(text) => mask::value(key, text).into(),
        toml::Value::Array(items) => items.iter().map(|item| masked(key, item)).collect::<Vec<_>>().into(),
        other => other.clone(),
    }
}

/// Text as allowed in a comment: TOML forbids control characters there.
fn comment(text: &str) -> String {
    mask::text(text).chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}
