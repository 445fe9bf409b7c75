//! Any pattern on any text, held against another implementation of the same wildcards; and any window of a
//! schedule at any time.
#![no_main]

use insightd_core::rules::{Pattern, Schedule};
use libfuzzer_sys::fuzz_target;
use wildmatch::WildMatch;

fuzz_target!(|input: (i64, &str, &str)| {
    let (time, pattern, text) = input;
    if let Ok(parsed) = Pattern::parse(pattern) {
        assert_eq!(parsed.matches(text), WildMatch::new(pattern).matches(text), "{pattern:?} on {text:?}");
    }
    if let Ok(schedule) = Schedule::parse(&text.lines().map(str::to_owned).collect::<Vec<_>>()) {
        schedule.contains(time);
        let written: Vec<String> = schedule.written().map(str::to_owned).collect();
        assert_eq!(Schedule::parse(&written).as_ref(), Ok(&schedule));
    }
});
