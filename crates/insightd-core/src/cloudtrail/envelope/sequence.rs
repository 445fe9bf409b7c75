//! Reads a sequence of JSON values - one, one per line, or concatenated - value by value, and a `Records`
//! array or a top-level array member by member. Continues after what is damaged or too long.

use std::io;
use std::mem;

use serde_json::value::RawValue;

use super::classify::JsonObject;
use super::decoder::{Decoder, Nesting};
use super::input::Input;
use super::search::{Balanced, BehindValue, FirstKey, Next, NextJsonLine, NextLine, Search, SearchResult, first_key};
use super::value::{Damage, ReadValue, read};
use crate::cloudtrail::field::Lenient;
use crate::cloudtrail::outcome::{DecodeError, Envelope, Limit, Skipped};

/// Most bytes of a fragment kept for its dead-letter record while its end is searched in a stream.
const FRAGMENT_BYTES_KEPT: usize = 256 * 1024;

/// Bytes read in vain, in total and per byte consumed, after which a search no longer retries what was read
/// already. This bounds the work on input made to be read over and over.
const WASTE_BYTES_MAX: u64 = 1024 * 1024;
const WASTE_FACTOR: u64 = 8;

/// Most bytes searched for the beginning of a `Records` array.
const RECORDS_HEAD_BYTES: usize = 1024;

/// Values shorter than this are read again after only a little more of them has arrived, bytes.
const SHORT_BYTES: usize = 64 * 1024;

/// The message that CloudTrail publishes when a topic is set up.
const VALIDATION_MESSAGE: &[u8] = b"CloudTrail validation message";

/// A sequence being read.
pub(super) struct Sequence<'s, 'd, 'w, 'c> {
    decoder: &'s mut Decoder<'d>,
    input: &'s mut Input<'w>,
    at: Nesting<'c>,
    position: Position,
    /// The decoder's count of reports when the sequence began.
    reports: u64,
    /// An array was left before its end, so its closing brackets may follow.
    unclosed: bool,
    /// The end of the input has been reported.
    end_reported: bool,
    /// Bytes read in vain, which have to be read again.
    wasted: u64,
}

/// Where in the input the reader is.
enum Position {
    /// Before a value.
    Values,
    /// In an array.
    Members(Members),
    /// After a `Records` array, in the rest of its object.
    RestOfObject,
}

#[derive(Clone, Copy)]
struct Members {
    /// The array is the value of `Records`.
    of_object: bool,
    /// A comma or the opening bracket precedes.
    separated: bool,
    /// The decoder's count of reports when the array began.
    reports: u64,
    /// Kinds of members without records already reported: each is reported once per array.
    skipped: [bool; Skipped::ALL.len()],
}

/// The extent of a fragment.
struct Extent {
    /// Its first bytes, if they are no longer in view.
    head: Vec<u8>,
    /// Its end, as an offset into the view.
    end: usize,
    /// What follows; `None` at the end of the input.
    next: Option<Next>,
}

impl<'s, 'd, 'w, 'c> Sequence<'s, 'd, 'w, 'c> {
    pub(super) fn new(decoder: &'s mut Decoder<'d>, input: &'s mut Input<'w>, at: Nesting<'c>) -> Self {
        let reports = decoder.reports();
        Self {
            decoder,
            input,
            at,
            position: Position::Values,
            reports,
            unclosed: false,
            end_reported: false,
            wasted: 0,
        }
    }

    /// Reads to the end of the input.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut line_start = true;
        loop {
            line_start = self.skip_space(line_start)?;
            let Some(&first) = self.input.in_view().first() else { break };
            match self.position {
                Position::Values => self.value(first, line_start)?,
                Position::Members(members) => self.member(first, line_start, members)?,
                Position::RestOfObject => self.rest_of_object(first)?,
            }
            line_start = false;
            if self.at.top_of_file {
                self.decoder.next_payload();
            }
        }
        self.end();
        Ok(())
    }

    /// Skips white space and byte order marks. Returns whether what follows begins a line.
    fn skip_space(&mut self, mut line_start: bool) -> io::Result<bool> {
        const MARK: &[u8] = "\u{feff}".as_bytes();
        loop {
            let bytes = self.input.in_view();
            let space =
                bytes.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).unwrap_or(bytes.len());
            if space > 0 {
                line_start = bytes[space - 1] == b'\n';
                self.input.consume(space);
            }
            let bytes = self.input.in_view();
            if bytes.starts_with(MARK) {
                self.input.consume(MARK.len());
            } else if bytes.is_empty() && !self.input.ended() {
                self.input.more()?;
            } else if bytes.len() < MARK.len() && MARK.starts_with(bytes) && !self.input.ended() {
                self.input.fill(MARK.len())?;
            } else {
                return Ok(line_start);
            }
        }
    }

    fn end(&mut self) {
        let nothing = self.decoder.reports() == self.reports;
        if let (Some(stop), false) = (self.input.stop(), self.end_reported) {
            let encoded = self.at.encoded.filter(|_| nothing);
            self.decoder.stopped(&self.at, stop, encoded.unwrap_or_default());
        } else if !matches!(self.position, Position::Values) && !self.end_reported {
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
            // After a value on the same line, a string is not a value but the rest of a damaged one.
            b'"' if line_start => self.string(self.at)?,
            b',' | b']' | b'}' if self.unclosed => self.input.consume(1),
            _ => self.garbage()?,
        }
        Ok(())
    }

    /// The length of `{"Records":[` if the object in view begins so.
    fn records_array(&mut self) -> io::Result<Option<usize>> {
        loop {
            let bytes = self.input.in_view();
            let ended = self.input.ended() || bytes.len() >= RECORDS_HEAD_BYTES || self.input.full();
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
            self.input.more()?;
        }
    }

    fn enter(&mut self, head: usize, of_object: bool) {
        self.input.consume(head);
        let reports = self.decoder.reports();
        let skipped = [false; Skipped::ALL.len()];
        self.position = Position::Members(Members { of_object, separated: true, reports, skipped });
    }

    /// Skips bytes with which no value begins: the line, or at the beginning of the input all lines before
    /// the JSON.
    fn garbage(&mut self) -> io::Result<()> {
        let leading = self.decoder.reports() == self.reports;
        let search: &mut dyn Search = if leading { &mut NextJsonLine } else { &mut NextLine };
        let extent = self.seek(search, 0)?;
        let text = extent.bytes(self.input).trim_ascii();
        if text.starts_with(VALIDATION_MESSAGE) {
            self.decoder.skipped(Skipped::SnsNotification);
        } else if text == b"null" {
            self.decoder.skipped(Skipped::Empty);
        } else {
            let scalar = text.len() <= FRAGMENT_BYTES_KEPT && serde_json::from_slice::<&RawValue>(text).is_ok();
            let (error, detail) = match scalar {
                true => (DecodeError::UnknownShape, "JSON, but neither an object nor an array"),
                false => (DecodeError::NotJson, "no JSON value begins here"),
            };
            self.fragment(&extent, self.at, error, detail);
        }
        self.input.consume(extent.end);
        Ok(())
    }

    // === members ===

    fn member(&mut self, first: u8, line_start: bool, mut members: Members) -> io::Result<()> {
        let at = self.at.named(if members.of_object { Envelope::Records } else { Envelope::Array });
        match first {
            b']' => {
                self.input.consume(1);
                if self.decoder.reports() == members.reports {
                    self.decoder.skipped(Skipped::Empty);
                }
                self.position = if members.of_object { Position::RestOfObject } else { Position::Values };
                return Ok(());
            }
            b',' => {
                self.input.consume(1);
                members.separated = true;
                self.position = Position::Members(members);
                return Ok(());
            }
            // The previous line was cut after a member, and another payload follows.
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
                self.position = Position::Values;
                return Ok(());
            }
            _ => {}
        }
        members.separated = false;
        self.position = Position::Members(members);
        match first {
            b'{' => self.object(at),
            b'"' => self.string(at),
            _ => self.other(at),
        }
    }

    fn rest_of_object(&mut self, first: u8) -> io::Result<()> {
        self.position = Position::Values;
        if first == b'}' {
            self.input.consume(1);
            return Ok(());
        }
        let at = self.at.named(Envelope::Records);
        let extent = self.seek(&mut Balanced::rest_of_object(), 0)?;
        if first != b',' || extent.next != Some(Next::Behind) {
            let error = if extent.next.is_none() { DecodeError::Truncated } else { DecodeError::NotJson };
            self.fragment(&extent, at, error, "the object around an array of records does not end");
        }
        self.input.consume(extent.end);
        Ok(())
    }

    // === one value ===

    fn object(&mut self, at: Nesting<'_>) -> io::Result<()> {
        loop {
            let held = self.input.held();
            let bytes = self.input.in_view();
            match read::<Lenient<JsonObject<'_>>>(bytes, self.input.ended()) {
                ReadValue::Value(Lenient(object), len) => {
                    let skipped = self.decoder.while_held(held, |decoder| decoder.object(object, &bytes[..len], at))?;
                    self.input.consume(len);
                    self.report_skipped(skipped);
                    return Ok(());
                }
                ReadValue::Cut if self.input.full() => return self.too_long(at),
                ReadValue::Cut => self.read_on()?,
                ReadValue::Damaged(damage) => return self.damaged(damage, at),
            }
        }
    }

    fn string(&mut self, at: Nesting<'_>) -> io::Result<()> {
        loop {
            let held = self.input.held();
            let bytes = self.input.in_view();
            match read::<&RawValue>(bytes, self.input.ended()) {
                ReadValue::Value(text, len) => {
                    self.decoder.while_held(held, |decoder| decoder.string(text.get(), at))?;
                    self.input.consume(len);
                    return Ok(());
                }
                ReadValue::Cut if self.input.full() => return self.too_long(at),
                ReadValue::Cut => self.read_on()?,
                ReadValue::Damaged(damage) => return self.damaged(damage, at),
            }
        }
    }

    /// Reports a member that is neither an object nor a string.
    fn other(&mut self, at: Nesting<'_>) -> io::Result<()> {
        loop {
            let bytes = self.input.in_view();
            match read::<&RawValue>(bytes, self.input.ended()) {
                ReadValue::Value(_, len) => {
                    let detail = "a member that is neither an object nor a string";
                    self.decoder.malformed(&at, DecodeError::UnknownShape, detail, &bytes[..len]);
                    self.input.consume(len);
                    return Ok(());
                }
                ReadValue::Cut if self.input.full() => return self.too_long(at),
                ReadValue::Cut => self.read_on()?,
                ReadValue::Damaged(damage) => return self.damaged(damage, at),
            }
        }
    }

    /// Brings more of a value into view. Reading starts over at its beginning, so each time a share more must
    /// be there: a long value is read about twice, while a short one, perhaps from a pipe, does not wait for
    /// much that follows it.
    fn read_on(&mut self) -> io::Result<()> {
        let len = self.input.in_view().len();
        let more = if len < SHORT_BYTES { len / 16 } else { len };
        self.input.fill(len + more + 1)
    }

    fn report_skipped(&mut self, kind: Option<Skipped>) {
        let Some(kind) = kind else { return };
        if let Position::Members(members) = &mut self.position
            && mem::replace(&mut members.skipped[kind as usize], true)
        {
            return;
        }
        self.decoder.skipped(kind);
    }

    fn too_long(&mut self, at: Nesting<'_>) -> io::Result<()> {
        let extent = self.seek(&mut Balanced::value(), 0)?;
        self.decoder.shed(&at, Limit::PayloadBytes, extent.bytes(self.input));
        self.resume(&extent);
        Ok(())
    }

    fn damaged(&mut self, damage: Damage, at: Nesting<'_>) -> io::Result<()> {
        let begin = self.input.consumed();
        let wasteful = self.wasted > WASTE_BYTES_MAX + WASTE_FACTOR * begin;
        let from = if wasteful { damage.offset.clamp(1, self.input.in_view().len()) } else { 0 };
        let mut extent = match self.position {
            Position::Members(_) => self.seek(&mut Balanced::member(wasteful), from)?,
            _ => self.seek(&mut BehindValue::default(), from)?,
        };
        if extent.head.is_empty() {
            // A stray closing brace is a fragment of its own: the reader must move on in any case.
            extent.end = extent.end.max(1);
        }
        self.fragment(&extent, at, damage.error, &damage.detail);
        self.resume(&extent);
        self.wasted += (begin + damage.offset as u64).saturating_sub(self.input.consumed());
        Ok(())
    }

    /// Reports a fragment. If the input ended early there, the reason for that counts instead.
    fn fragment(&mut self, extent: &Extent, at: Nesting<'_>, error: DecodeError, detail: &str) {
        let raw = extent.bytes(self.input).trim_ascii();
        let raw = raw.strip_suffix(b",").unwrap_or(raw);
        match (extent.next, self.input.stop()) {
            (None, Some(stop)) => {
                let nothing = self.decoder.reports() == self.reports;
                self.decoder.stopped(&at, stop, self.at.encoded.filter(|_| nothing).unwrap_or(raw));
            }
            _ => self.decoder.malformed(&at, error, detail, raw),
        }
        self.end_reported |= extent.next.is_none();
    }

    /// Continues after a fragment.
    fn resume(&mut self, extent: &Extent) {
        self.input.consume(extent.end);
        let Position::Members(members) = &mut self.position else { return };
        match extent.next {
            Some(Next::Behind) => {}
            Some(Next::Record | Next::LineOfMember) => members.separated = true,
            Some(Next::Line) | None => {
                self.unclosed = true;
                self.position = Position::Values;
            }
        }
    }

    /// Searches from offset `from`, in bounded memory.
    fn seek(&mut self, search: &mut dyn Search, mut from: usize) -> io::Result<Extent> {
        let mut head = Vec::new();
        loop {
            let bytes = self.input.in_view();
            let looked = match search.search(bytes, from, self.input.ended()) {
                SearchResult::At(end, next) => return Ok(Extent { head, end, next: Some(next) }),
                SearchResult::Never => return Ok(Extent { head, end: bytes.len(), next: None }),
                SearchResult::More(looked) => looked,
            };
            from = looked;
            if !head.is_empty() || bytes.len() >= FRAGMENT_BYTES_KEPT || self.input.full() {
                let kept = looked.min(FRAGMENT_BYTES_KEPT - head.len().min(FRAGMENT_BYTES_KEPT));
                head.extend_from_slice(&bytes[..kept]);
                self.input.consume(looked);
                from = 0;
            }
            self.input.more()?;
        }
    }
}

impl Extent {
    /// The fragment's bytes; only the first ones if it was too long to hold.
    fn bytes<'a>(&'a self, input: &'a Input<'_>) -> &'a [u8] {
        if self.head.is_empty() { &input.in_view()[..self.end] } else { &self.head }
    }
}
