//! Topic names and patterns, and the topics that the daemon reads.

use regex::Regex;

use super::Config;

/// Checks a name by Kafka's rule (`org.apache.kafka.common.internals.Topic`).
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.len() > 249 || !name.chars().all(legal) || matches!(name, "." | "..") {
        return Err("a topic name has 1 to 249 of the characters a-z A-Z 0-9 . _ - and is not . or ..".to_owned());
    }
    Ok(())
}

/// Checks a name, or a pattern that begins with `^`.
pub(super) fn check_name_or_pattern(item: &str) -> Result<(), String> {
    if !item.starts_with('^') {
        return check_name(item).map_err(|reason| format!("{reason}; a pattern begins with ^"));
    }
    match Regex::new(item) {
        Ok(_) => Ok(()),
        // A syntax error displays the pattern over several lines; the last line says what is wrong.
        Err(error) => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default().trim().trim_start_matches("error: ");
            Err(format!("not a regular expression: {last}"))
        }
    }
}

/// Whether an item of `input.topics` is a pattern.
pub fn is_pattern(item: &str) -> bool {
    item.starts_with('^')
}

/// The topics that are read: those that `input.topics` names or matches, except the daemon's own.
#[derive(Clone, Debug)]
pub struct TopicFilter {
    names: Vec<String>,
    patterns: Vec<Regex>,
    own: Vec<String>,
}

impl TopicFilter {
    /// The filter of a configuration.
    pub fn new(config: &Config) -> Self {
        let (patterns, names): (Vec<_>, Vec<_>) = config.input.topics.iter().partition(|item| is_pattern(item));
        Self {
            names: names.into_iter().cloned().collect(),
            // Loading the configuration has compiled each pattern before, so none is lost here.
            patterns: patterns.into_iter().filter_map(|pattern| Regex::new(pattern).ok()).collect(),
            own: config.own_topics().into_iter().map(str::to_owned).collect(),
        }
    }

    /// Whether the topic is read. No pattern matches Kafka's internal topics (`__consumer_offsets`).
    pub fn reads(&self, topic: &str) -> bool {
        !self.own.iter().any(|own| own == topic) && (self.named(topic) || self.matched(topic))
    }

    /// The daemon's own topics that a pattern matches and that are therefore excluded.
    pub fn excluded(&self) -> Vec<&str> {
        self.own.iter().filter(|own| self.matched(own)).map(String::as_str).collect()
    }

    fn named(&self, topic: &str) -> bool {
        self.names.iter().any(|name| name == topic)
    }

    fn matched(&self, topic: &str) -> bool {
        !topic.starts_with("__") && self.patterns.iter().any(|pattern| pattern.is_match(topic))
    }
}
