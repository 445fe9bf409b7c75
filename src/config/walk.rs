//! The walk over the merged settings. Each key is read once, by kind and range. A key that no section reads
//! is unknown; and every error is collected, so that all are reported at once.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::errors::{ConfigError, ConfigErrors, Origin};
use super::layers::{Merged, PREFIX, RuleTable, Setting};
use super::section_macro::MINUTE_S;
use super::values::{self, Raw};

/// A setting as resolved, for printing.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    /// `section.key`.
    pub(super) key: String,
    /// The value to print, secrets not masked yet.
    pub(super) value: toml::Value,
    /// Where it was written.
    pub(super) origin: Origin,
}

/// Reads settings and collects their errors.
pub(super) struct Walk {
    settings: BTreeMap<String, Setting>,
    known: Vec<&'static str>,
    errors: Vec<ConfigError>,
    shown: Vec<Shown>,
    /// The rules, not read yet.
    pub(super) rules: Vec<RuleTable>,
    /// Name of this host, if it has one.
    pub(super) host: Option<String>,
}

type Checked = Result<(), String>;

impl Walk {
    pub(super) fn new(merged: Merged) -> Self {
        let Merged { settings, errors, rules, host } = merged;
        Self { settings, errors, rules, host, known: Vec::new(), shown: Vec::new() }
    }

    /// Ends the walk. Settings that no section has read are unknown keys.
    pub(super) fn finish(mut self) -> (Vec<Shown>, Result<(), ConfigErrors>) {
        for (key, setting) in std::mem::take(&mut self.settings) {
            let reason = self.unknown(&key, &setting.origin);
            self.errors.push(ConfigError::of_value(&key, &setting.value, reason, setting.origin));
        }
        let sound = if self.errors.is_empty() { Ok(()) } else { Err(ConfigErrors(self.errors)) };
        (self.shown, sound)
    }

    /// Takes the setting of a key and marks the key as known.
    fn take(&mut self, key: &'static str) -> Option<Setting> {
        self.known.push(key);
        let setting = self.settings.remove(key);
        if setting.is_none() {
            self.errors.push(ConfigError::of_source(format!("{key} has no default"), Origin::Default));
        }
        setting
    }

    /// Reads one key; `parse` returns the value, and the value to print.
    fn read<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&Raw) -> Result<(T, toml::Value), String>,
    ) -> Option<T> {
        let Setting { value, origin } = self.take(key)?;
        match parse(&value) {
            Ok((parsed, value)) => {
                self.shown.push(Shown { key: key.to_owned(), value, origin });
                Some(parsed)
            }
            Err(reason) => {
                self.errors.push(ConfigError::of_value(key, &value, reason, origin));
                None
            }
        }
    }

    /// A text that passes `check`.
    pub(super) fn text(&mut self, key: &'static str, check: impl FnOnce(&str) -> Checked) -> Option<String> {
        self.read(key, |raw| {
            let text = values::text(raw)?;
            check(&text)?;
            Ok((text.clone(), text.into()))
        })
    }

    /// A text that `parse` converts.
    pub(super) fn parsed<T>(&mut self, key: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        self.read(key, |raw| {
            let text = values::text(raw)?;
            Ok((parse(&text)?, text.into()))
        })
    }

    /// A list of texts that pass `check`, without duplicates.
    pub(super) fn list(&mut self, key: &'static str, check: impl Fn(&str) -> Checked) -> Option<Vec<String>> {
        self.read(key, |raw| {
            let items = values::list(raw)?;
            for (index, item) in items.iter().enumerate() {
                check(item).map_err(|reason| format!("item {}: {reason}", index + 1))?;
                if items[..index].contains(item) {
                    return Err(format!("item {}: is given twice", index + 1));
                }
            }
            let shown = toml::Value::from(items.clone());
            Ok((items, shown))
        })
    }

    /// One of several words.
    pub(super) fn choice<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        self.parsed(key, |text| {
            let found = words.iter().find(|(word, _)| *word == text);
            found.map(|(_, choice)| *choice).ok_or_else(|| {
                let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                format!("must be {}", words.join(" or "))
            })
        })
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        self.read(key, |raw| values::flag(raw).map(|flag| (flag, flag.into())))
    }

    /// A whole number within a range.
    pub(super) fn whole<T: TryFrom<i64>>(&mut self, key: &'static str, range: RangeInclusive<i64>) -> Option<T> {
        let right = format!("a whole number from {} to {}", range.start(), range.end());
        self.whole_if(key, |number| range.contains(number), &right)
    }

    /// A whole number that `fits`; `right` describes those that do.
    pub(super) fn whole_if<T: TryFrom<i64>>(
        &mut self,
        key: &'static str,
        fits: impl FnOnce(&i64) -> bool,
        right: &str,
    ) -> Option<T> {
        self.read(key, |raw| {
            let number = values::whole(raw).and_then(|number| i64::try_from(number).ok()).filter(fits);
            let parsed = number.and_then(|number| Some((T::try_from(number).ok()?, number.into())));
            parsed.ok_or_else(|| format!("must be {right}"))
        })
    }

    /// A finite number above zero and up to `max`.
    pub(super) fn positive(&mut self, key: &'static str, max: f64) -> Option<f64> {
        self.read(key, |raw| {
            let number = values::real(raw).filter(|number| *number > 0.0 && *number <= max);
            let number = number.ok_or_else(|| format!("must be a number above 0 and up to {max}"))?;
            Ok((number, number.into()))
        })
    }

    /// A duration within a range.
    pub(super) fn duration(&mut self, key: &'static str, range: RangeInclusive<Duration>) -> Option<Duration> {
        self.read(key, |raw| {
            let duration = values::duration(raw)?;
            if !range.contains(&duration) {
                let (least, most) = (values::show_duration(*range.start()), values::show_duration(*range.end()));
                return Err(format!("must be from {least} to {most}"));
            }
            Ok((duration, values::show_duration(duration).into()))
        })
    }

    /// A duration of whole minutes within a range of minutes.
    pub(super) fn minutes(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<Duration> {
        self.read(key, |raw| whole_minutes(values::duration(raw)?, &range))
    }

    /// A duration of whole minutes within a range of minutes, or the number of minutes.
    pub(super) fn minutes_or_number(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<Duration> {
        self.read(key, |raw| {
            let number = values::whole(raw).and_then(|minutes| u64::try_from(minutes).ok());
            let duration = match number {
                Some(minutes) => Duration::from_secs(minutes.saturating_mul(MINUTE_S)),
                None => values::duration(raw)?,
            };
            whole_minutes(duration, &range)
        })
    }

    /// A size in bytes within a range.
    pub(super) fn size<T: TryFrom<u64>>(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<T> {
        self.read(key, |raw| {
            let wrong = || {
                let (least, most) = (values::show_size(*range.start()), values::show_size(*range.end()));
                format!("must be from {least} to {most}")
            };
            let bytes = values::size(raw)?;
            let size = T::try_from(bytes).ok().filter(|_| range.contains(&bytes)).ok_or_else(wrong)?;
            Ok((size, values::show_size(bytes).into()))
        })
    }

    /// What `read` makes of a key, for a key that no other kind fits.
    pub(super) fn via<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Self, &'static str) -> Option<T>,
    ) -> Option<T> {
        read(self, key)
    }

    /// Takes all settings below a prefix; every one is known.
    pub(super) fn below(&mut self, prefix: &str) -> Vec<(String, Setting)> {
        let keys: Vec<String> = self.settings.keys().filter(|key| key.starts_with(prefix)).cloned().collect();
        keys.into_iter().filter_map(|key| self.settings.remove_entry(&key)).collect()
    }

    /// Accepts a setting that [`Walk::below`] returned.
    pub(super) fn show(&mut self, key: &str, value: impl Into<toml::Value>, origin: Origin) {
        self.shown.push(Shown { key: key.to_owned(), value: value.into(), origin });
    }

    /// Refuses a setting that [`Walk::below`] returned.
    pub(super) fn refuse(&mut self, key: &str, setting: Setting, reason: impl Into<String>) {
        self.errors.push(ConfigError::of_value(key, &setting.value, reason, setting.origin));
    }

    /// Adds an error that does not concern the value of one setting.
    pub(super) fn error(&mut self, key: &str, reason: impl Into<String>, origin: Origin) {
        self.errors.push(ConfigError::of_value(key, &Raw::Other(String::new()), reason, origin));
    }

    /// Replaces the printed value of a key whose written value stands for another value.
    pub(super) fn resolved(&mut self, key: &str, value: &str, origin: Origin) {
        if let Some(shown) = self.shown.iter_mut().find(|shown| shown.key == key) {
            shown.value = value.into();
            shown.origin = origin;
        }
    }

    /// The printed value of a key that has no error of its own.
    pub(super) fn value(&self, key: &str) -> Option<&toml::Value> {
        self.shown.iter().find(|shown| shown.key == key).map(|shown| &shown.value)
    }

    /// Adds an error to a key that conflicts with another key.
    pub(super) fn conflict(&mut self, key: &str, reason: impl Into<String>) {
        let Some(shown) = self.shown.iter().find(|shown| shown.key == key) else { return };
        let value = match &shown.value {
            toml::Value::Array(items) => Raw::List(
                items.iter().filter_map(|item| item.as_str()).map(|item| Raw::Text(item.to_owned())).collect(),
            ),
            toml::Value::String(text) => Raw::Text(text.clone()),
            other => Raw::Other(other.to_string()),
        };
        self.errors.push(ConfigError::of_value(key, &value, reason, shown.origin.clone()));
    }

    /// Why a key is unknown, and which key may have been meant.
    fn unknown(&self, key: &str, origin: &Origin) -> String {
        let sections: Vec<&str> = self.known.iter().filter_map(|known| known.split('.').next()).collect();
        if sections.contains(&key) || key == "kafka.client" {
            return format!("is a section, not a key; write [{key}] and its keys below it");
        }
        let near = nearest(key, &self.known);
        if !near.is_empty() {
            let names: Vec<String> = near.into_iter().map(|key| spelled(key, origin)).collect();
            return format!("unknown key; did you mean {}?", names.join(" or "));
        }
        if key.starts_with("kafka.") {
            return "unknown key; librdkafka keys belong below [kafka.client]".to_owned();
        }
        match nearest(key.split('.').next().unwrap_or(key), &sections).first() {
            Some(section) if !sections.contains(&key.split('.').next().unwrap_or(key)) => {
                format!("unknown key; did you mean the section [{section}]?")
            }
            _ => "unknown key".to_owned(),
        }
    }
}

fn whole_minutes(duration: Duration, range: &RangeInclusive<u64>) -> Result<(Duration, toml::Value), String> {
    let minutes = duration.as_secs() / MINUTE_S;
    if !range.contains(&minutes) || duration != Duration::from_secs(minutes * MINUTE_S) {
        let [least, most] =
            [range.start(), range.end()].map(|m| values::show_duration(Duration::from_secs(m * MINUTE_S)));
        return Err(format!("must be whole minutes, from {least} to {most}"));
    }
    Ok((duration, values::show_duration(duration).into()))
}

/// A key as its source spells it.
fn spelled(key: &str, origin: &Origin) -> String {
    match origin {
        Origin::Environment(_) => format!("{PREFIX}{}", key.to_uppercase().replace('.', "__")),
        _ => key.to_owned(),
    }
}

/// The known keys most similar to an unknown one, by the whole name or by the last part alone, which finds a
/// key in the wrong section. Returns more than one only if they are equally similar.
pub(super) fn nearest<'a>(key: &str, known: &[&'a str]) -> Vec<&'a str> {
    /// Names that are less similar have little in common.
    const LIKENESS_MIN: f64 = 0.75;
    /// The last part alone counts a little less than the whole name.
    const ELSEWHERE: f64 = 0.95;
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let likeness = |candidate: &str| {
        let whole = strsim::normalized_damerau_levenshtein(key, candidate);
        whole.max(ELSEWHERE * strsim::normalized_damerau_levenshtein(&last(key), &last(candidate)))
    };
    let rated: Vec<(f64, &str)> = known.iter().map(|candidate| (likeness(candidate), *candidate)).collect();
    let best = rated.iter().map(|(rate, _)| *rate).fold(LIKENESS_MIN, f64::max);
    rated.into_iter().filter(|(rate, _)| *rate >= best - 1e-9).map(|(_, candidate)| candidate).collect()
}
