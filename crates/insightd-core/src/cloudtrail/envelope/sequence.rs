//! Reads a sequence of JSON values - one, one per line, or concatenated - value by value, a `Records` array and a top-level array
//! member by member, and goes on behind what is damaged or too long.

use std::io;
use std::mem;

use serde_json::value::RawValue;

use super::decoder::{Context, Decoder};
use super::search::{Balanced, BehindValue, FirstKey, Found, Next, NextJsonLine, NextLine, Search, first_key};
use super::value::{Damage, Read, read};
use super::view::View;
use super::window::Window;
use crate::cloudtrail::field::Lenient;
use crate::cloudtrail::outcome::{DecodeError, Envelope, Limit, Skipped};

/// A fragment's first bytes that are kept for the dead letter while its end is searched in a stream.
const FRAGMENT_BYTES_KEPT: usize = 256 * 1024;

/// Bytes read without success at once, and in relation to those consumed, until a search for the place to go on no longer tries
/// places that were read already. It bounds the work on input made to be read again and again.
const WASTE_BYTES_MAX: u64 = 1024 * 1024;
const WASTE_FACTOR: u64 = 8;

/// White space looked through for the beginning of a `Records` array, bytes.
const RECORDS_HEAD_BYTES: usize = 1024;

/// Values shorter than this are tried again after little more of them has come, bytes.
const SHORT_BYTES: usize = 64 * 1024;

/// Text of the message that CloudTrail publishes when a topic is set up.
const VALIDATION_MESSAGE: &[u8] = b"CloudTrail validation message";

/// A sequence being read.
pub(super) struct Sequence<'s, 'd, 'w, 'c> {
    decoder: &'s mut Decoder<'d>,
    window: &'s mut Window<'w>,
    at: Context<'c>,
    place: Place,
    /// Reports of the decoder when the sequence began.
    reports: u64,
    /// An array was left without its end, so closing brackets may follow that belong to it.
    unclosed: bool,
    /// The end of the input has been reported.
    end_reported: bool,
    /// Bytes read without success and to be read again.
    wasted: u64,
}

/// Where the reader stands.
enum Place {
    /// Before a value.
    Values,
    /// In an array.
    Members(Members),
    /// Behind a `Records` array, in the rest of its object.
    RestOfObject,
}

#[derive(Clone, Copy)]
struct Members {
    /// It is the value of `Records`.
    of_object: bool,
    /// A comma, or the opening bracket, stands before.
    separated: bool,
    /// Reports of the decoder when the array began.
    reports: u64,
    /// Kinds of members without records that were reported, once each.
    skipped: [bool; Skipped::ALL.len()],
}

/// Where a fragment ends.
struct Sought {
    /// Its first bytes, where they are no longer in view.
    head: Vec<u8>,
    /// Its end in view.
    end: usize,
    /// What follows, unless the input has ended.
    next: Option<Next>,
}

impl<'s, 'd, 'w, 'c> Sequence<'s, 'd, 'w, 'c> {
    pub(super) fn new(decoder: &'s mut Decoder<'d>, window: &'s mut Window<'w>, at: Context<'c>) -> Self {
        let reports = decoder.reports();
        Self { decoder, window, at, place: Place::Values, reports, unclosed: false, end_reported: false, wasted: 0 }
    }

    /// Reads to the end.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut line_start = true;
        loop {
            line_start = self.skip_space(line_start)?;
            let Some(&first) = self.window.in_view().first() else { break };
            match self.place {
                Place::Values => self.value(first, line_start)?,
                Place::Members(members) => self.member(first, line_start, members)?,
                Place::RestOfObject => self.rest_of_object(first)?,
            }
            line_start = false;
            if self.at.top_of_file {
                self.decoder.next_payload();
            }
        }
        self.end();
        Ok(())
    }

    /// Passes over white space and byte order marks. Tells whether what follows begins a line.
    fn skip_space(&mut self, mut line_start: bool) -> io::Result<bool> {
        const MARK: &[u8] = "\u{feff}".as_bytes();
        loop {
            let bytes = self.window.in_view();
            let space =
                bytes.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).unwrap_or(bytes.len());
            if space > 0 {
                line_start = bytes[space - 1] == b'\n';
                self.window.consume(space);
            }
            let bytes = self.window.in_view();
            if bytes.starts_with(MARK) {
                self.window.consume(MARK.len());
            } else if bytes.is_empty() && !self.window.ended() {
                self.window.more()?;
            } else if bytes.len() < MARK.len() && MARK.starts_with(bytes) && !self.window.ended() {
                self.window.fill(MARK.len())?;
            } else {
                return Ok(line_start);
            }
        }
    }

    fn end(&mut self) {
        let nothing = self.decoder.reports() == self.reports;
        if let (Some(stop), false) = (self.window.stop(), self.end_reported) {
            let encoded = self.at.encoded.filter(|_| nothing);
            self.decoder.stopped(&self.at, stop, encoded.unwrap_or_default());
        } else if !matches!(self.place, Place::Values) && !self.end_reported {
            self.decoder.malformed(
                &self.at,
                DecodeError::Truncated,
                "the input ends inside of an array of records",
                &[],
            );
        } else if nothing {
            self.decoder.skipped(Skipped::Empty);
        }
    }

    // === values ===

    fn value(&mut self, first: u8, line_start: bool) -> io::Result<()> {
        match first {
            b'{' => match self.records_array()? {
                Some(head) => self.enter(head, true),
                None => {
                    self.object(self.at)?;
                    self.unclosed &= !line_start;
                }
            },
            b'[' => self.enter(1, false),
            // Behind a value of the same line, a string is no value but what is left of a damaged one.
            b'"' if line_start => self.string(self.at)?,
            b',' | b']' | b'}' if self.unclosed => self.window.consume(1),
            _ => self.garbage()?,
        }
        Ok(())
    }

    /// The length of `{"Records":[` if the object in view begins so.
    fn records_array(&mut self) -> io::Result<Option<usize>> {
        loop {
            let bytes = self.window.in_view();
            let ended = self.window.ended() || bytes.len() >= RECORDS_HEAD_BYTES || self.window.full();
            match first_key(bytes, ended) {
                FirstKey::Is(b"Records", end) => {
                    let mut rest = bytes[end..].iter().enumerate().filter(|(_, byte)| !byte.is_ascii_whitespace());
                    match (rest.next(), rest.next()) {
                        (Some((_, b':')), Some((bracket, b'['))) => return Ok(Some(end + bracket + 1)),
                        (Some(_), Some(_)) => return Ok(None),
                        _ if ended => return Ok(None),
                        _ => {}
                    }
                }
                FirstKey::Unknown => {}
                _ => return Ok(None),
            }
            self.window.more()?;
        }
    }

    fn enter(&mut self, head: usize, of_object: bool) {
        self.window.consume(head);
        let reports = self.decoder.reports();
        let skipped = [false; Skipped::ALL.len()];
        self.place = Place::Members(Members { of_object, separated: true, reports, skipped });
    }

    /// Passes over bytes with which no value begins: the line, or at the beginning of the input all lines before the JSON.
    fn garbage(&mut self) -> io::Result<()> {
        let leading = self.decoder.reports() == self.reports;
        let search: &mut dyn Search = if leading { &mut NextJsonLine } else { &mut NextLine };
        let sought = self.seek(search, 0)?;
        let text = sought.bytes(self.window).trim_ascii();
        if text.starts_with(VALIDATION_MESSAGE) {
            self.decoder.skipped(Skipped::SnsNotification);
        } else if text == b"null" {
            self.decoder.skipped(Skipped::Empty);
        } else {
            let scalar = text.len() <= FRAGMENT_BYTES_KEPT && serde_json::from_slice::<&RawValue>(text).is_ok();
            let (fault, detail) = match scalar {
                true => (DecodeError::UnknownShape, "JSON, but neither an object nor an array"),
                false => (DecodeError::NotJson, "no JSON value begins here"),
            };
            self.fragment(&sought, self.at, fault, detail);
        }
        self.window.consume(sought.end);
        Ok(())
    }

    // === members ===

    fn member(&mut self, first: u8, line_start: bool, mut members: Members) -> io::Result<()> {
        let at = self.at.named(if members.of_object { Envelope::Records } else { Envelope::Array });
        match first {
            b']' => {
                self.window.consume(1);
                if self.decoder.reports() == members.reports {
                    self.decoder.skipped(Skipped::Empty);
                }
                self.place = if members.of_object { Place::RestOfObject } else { Place::Values };
                return Ok(());
            }
            b',' => {
                self.window.consume(1);
                members.separated = true;
                self.place = Place::Members(members);
                return Ok(());
            }
            // The line before was cut behind a member, and another payload follows.
            b'{' | b'[' if line_start && !members.separated => {
                if !self.unclosed {
                    self.decoder.malformed(
                        &at,
                        DecodeError::Truncated,
                        "the line ends inside of an array of records",
                        &[],
                    );
                }
                self.unclosed = true;
                self.place = Place::Values;
                return Ok(());
            }
            _ => {}
        }
        members.separated = false;
        self.place = Place::Members(members);
        match first {
            b'{' => self.object(at),
            b'"' => self.string(at),
            _ => self.other(at),
        }
    }

    fn rest_of_object(&mut self, first: u8) -> io::Result<()> {
        self.place = Place::Values;
        if first == b'}' {
            self.window.consume(1);
            return Ok(());
        }
        let at = self.at.named(Envelope::Records);
        let sought = self.seek(&mut Balanced::rest_of_object(), 0)?;
        if first != b',' || sought.next != Some(Next::Behind) {
            let fault = if sought.next.is_none() { DecodeError::Truncated } else { DecodeError::NotJson };
            self.fragment(&sought, at, fault, "the object around an array of records does not end");
        }
        self.window.consume(sought.end);
        Ok(())
    }

    // === one value ===

    fn object(&mut self, at: Context<'_>) -> io::Result<()> {
        loop {
            let held = self.window.held();
            let bytes = self.window.in_view();
            match read::<Lenient<View<'_>>>(bytes, self.window.ended()) {
                Read::Value(Lenient(view), len) => {
                    let skipped = self.decoder.while_held(held, |decoder| decoder.object(view, &bytes[..len], at))?;
                    self.window.consume(len);
                    self.report_skipped(skipped);
                    return Ok(());
                }
                Read::Cut if self.window.full() => return self.too_long(at),
                Read::Cut => self.read_on()?,
                Read::Damaged(damage) => return self.damaged(damage, at),
            }
        }
    }

    fn string(&mut self, at: Context<'_>) -> io::Result<()> {
        loop {
            let held = self.window.held();
            let bytes = self.window.in_view();
            match read::<&RawValue>(bytes, self.window.ended()) {
                Read::Value(text, len) => {
                    self.decoder.while_held(held, |decoder| decoder.string(text.get(), at))?;
                    self.window.consume(len);
                    return Ok(());
                }
                Read::Cut if self.window.full() => return self.too_long(at),
                Read::Cut => self.read_on()?,
                Read::Damaged(damage) => return self.damaged(damage, at),
            }
        }
    }

    /// A member that is neither an object nor a string.
    fn other(&mut self, at: Context<'_>) -> io::Result<()> {
        loop {
            let bytes = self.window.in_view();
            match read::<&RawValue>(bytes, self.window.ended()) {
                Read::Value(_, len) => {
                    let detail = "a member that is neither an object nor a string";
                    self.decoder.malformed(&at, DecodeError::UnknownShape, detail, &bytes[..len]);
                    self.window.consume(len);
                    return Ok(());
                }
                Read::Cut if self.window.full() => return self.too_long(at),
                Read::Cut => self.read_on()?,
                Read::Damaged(damage) => return self.damaged(damage, at),
            }
        }
    }

    /// Brings more of a value in view. It is read again from its beginning, so each time a share more of it must be there: a long
    /// one is read about twice, while a short one, from a pipe perhaps, does not wait for much that follows.
    fn read_on(&mut self) -> io::Result<()> {
        let len = self.window.in_view().len();
        let more = if len < SHORT_BYTES { len / 16 } else { len };
        self.window.fill(len + more + 1)
    }

    fn report_skipped(&mut self, kind: Option<Skipped>) {
        let Some(kind) = kind else { return };
        if let Place::Members(members) = &mut self.place
            && mem::replace(&mut members.skipped[kind as usize], true)
        {
            return;
        }
        self.decoder.skipped(kind);
    }

    fn too_long(&mut self, at: Context<'_>) -> io::Result<()> {
        let sought = self.seek(&mut Balanced::value(), 0)?;
        self.decoder.shed(&at, Limit::PayloadBytes, sought.bytes(self.window));
        self.go_on(&sought);
        Ok(())
    }

    fn damaged(&mut self, damage: Damage, at: Context<'_>) -> io::Result<()> {
        let begin = self.window.consumed();
        let wasteful = self.wasted > WASTE_BYTES_MAX + WASTE_FACTOR * begin;
        let from = if wasteful { damage.offset.clamp(1, self.window.in_view().len()) } else { 0 };
        let mut sought = match self.place {
            Place::Members(_) => self.seek(&mut Balanced::member(wasteful), from)?,
            _ => self.seek(&mut BehindValue::default(), from)?,
        };
        if sought.head.is_empty() {
            // A stray closing brace is a fragment of its own: whatever happens, the reader moves on.
            sought.end = sought.end.max(1);
        }
        self.fragment(&sought, at, damage.fault, &damage.detail);
        self.go_on(&sought);
        self.wasted += (begin + damage.offset as u64).saturating_sub(self.window.consumed());
        Ok(())
    }

    /// Reports a fragment; if the input ended there before its time, the reason of that counts instead.
    fn fragment(&mut self, sought: &Sought, at: Context<'_>, fault: DecodeError, detail: &str) {
        let raw = sought.bytes(self.window).trim_ascii();
        let raw = raw.strip_suffix(b",").unwrap_or(raw);
        match (sought.next, self.window.stop()) {
            (None, Some(stop)) => {
                let nothing = self.decoder.reports() == self.reports;
                self.decoder.stopped(&at, stop, self.at.encoded.filter(|_| nothing).unwrap_or(raw));
            }
            _ => self.decoder.malformed(&at, fault, detail, raw),
        }
        self.end_reported |= sought.next.is_none();
    }

    /// Goes on behind a fragment.
    fn go_on(&mut self, sought: &Sought) {
        self.window.consume(sought.end);
        let Place::Members(members) = &mut self.place else { return };
        match sought.next {
            Some(Next::Behind) => {}
            Some(Next::Record | Next::LineOfMember) => members.separated = true,
            Some(Next::Line) | None => {
                self.unclosed = true;
                self.place = Place::Values;
            }
        }
    }

    /// Searches from `from` on, in bounded memory.
    fn seek(&mut self, search: &mut dyn Search, mut from: usize) -> io::Result<Sought> {
        let mut head = Vec::new();
        loop {
            let bytes = self.window.in_view();
            let looked = match search.search(bytes, from, self.window.ended()) {
                Found::At(end, next) => return Ok(Sought { head, end, next: Some(next) }),
                Found::Never => return Ok(Sought { head, end: bytes.len(), next: None }),
                Found::More(looked) => looked,
            };
            from = looked;
            if !head.is_empty() || bytes.len() >= FRAGMENT_BYTES_KEPT || self.window.full() {
                let kept = looked.min(FRAGMENT_BYTES_KEPT - head.len().min(FRAGMENT_BYTES_KEPT));
                head.extend_from_slice(&bytes[..kept]);
                self.window.consume(looked);
                from = 0;
            }
            self.window.more()?;
        }
    }
}

impl Sought {
    /// The fragment's bytes, the first ones if it was too long to hold.
    fn bytes<'a>(&'a self, window: &'a Window<'_>) -> &'a [u8] {
        if self.head.is_empty() { &window.in_view()[..self.end] } else { &self.head }
    }
}
