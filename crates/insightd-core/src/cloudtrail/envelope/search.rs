//! Finds where to continue after something damaged or too long. Every search gets the input piece by piece
//! and looks at each byte a bounded number of times, so it needs bounded memory and linear time.

use memchr::{memchr, memchr2};

/// Most bytes that white space and the first key of a record may take.
const LOOK_AHEAD: usize = 256;

/// First keys of the records of known writers: CloudTrail itself, tools that sort the keys, and Security
/// Lake.
const FIRST_KEYS: [&str; 9] = [
    "eventVersion",
    "awsRegion",
    "additionalEventData",
    "eventCategory",
    "eventID",
    "eventTime",
    "eventSource",
    "eventName",
    "activity_id",
];

/// The result of one step of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SearchResult {
    /// Continue here.
    At(usize, Next),
    /// Not before this byte; more bytes must come into view to decide from there.
    More(usize),
    /// Nowhere in the rest of the input, all of which is in view.
    Never,
}

/// What is at the place to continue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The byte after a whole value.
    Behind,
    /// A line of its own.
    Line,
    /// A line of its own after a comma.
    LineOfMember,
    /// A record inside a line.
    Record,
}

/// A search over the bytes in view.
pub(super) trait Search {
    /// Searches from offset `from`, where the last call returned `More`; earlier bytes are consumed or
    /// searched. `ended` says that the input ends with `bytes`.
    fn search(&mut self, bytes: &[u8], from: usize, ended: bool) -> SearchResult;
}

/// Searches the next line, whatever it holds: after bytes with which no value can begin.
pub(super) struct NextLine;

impl Search for NextLine {
    fn search(&mut self, bytes: &[u8], from: usize, ended: bool) -> SearchResult {
        match memchr(b'\n', &bytes[from..]) {
            Some(newline) => SearchResult::At(from + newline + 1, Next::Line),
            None if ended => SearchResult::Never,
            None => SearchResult::More(bytes.len()),
        }
    }
}

/// Searches the next line that begins with an object or an array: where the JSON begins after leading bytes
/// that are not JSON.
pub(super) struct NextJsonLine;

impl Search for NextJsonLine {
    fn search(&mut self, bytes: &[u8], mut from: usize, ended: bool) -> SearchResult {
        while let Some(newline) = memchr(b'\n', &bytes[from..]) {
            let line = from + newline + 1;
            match bytes.get(line) {
                Some(b'{' | b'[') => return SearchResult::At(line, Next::Line),
                None if !ended => return SearchResult::More(line - 1),
                _ => from = line,
            }
        }
        if ended { SearchResult::Never } else { SearchResult::More(bytes.len()) }
    }
}

/// Searches after a damaged value of a sequence: the next line that does not continue a pretty-printed value,
/// or a record directly after a closing brace.
#[derive(Default)]
pub(super) struct BehindValue {
    /// The last byte that is not white space.
    before: u8,
}

impl Search for BehindValue {
    fn search(&mut self, bytes: &[u8], mut from: usize, ended: bool) -> SearchResult {
        while let Some(hit) = memchr2(b'\n', b'{', &bytes[from..]) {
            let at = from + hit;
            self.before = last_solid(&bytes[from..at]).unwrap_or(self.before);
            let verdict = if bytes[at] == b'\n' {
                begins_line(bytes, at + 1, ended).map(|yes| yes.then_some((at + 1, Next::Line)))
            } else if self.before == b'}' {
                begins_record(bytes, at, ended).map(|yes| yes.then_some((at, Next::Record)))
            } else {
                Some(None)
            };
            match verdict {
                Some(Some((at, next))) => return SearchResult::At(at, next),
                Some(None) => {}
                None => return SearchResult::More(at),
            }
            if bytes[at] == b'{' {
                self.before = b'{';
            }
            from = at + 1;
        }
        self.before = last_solid(&bytes[from..]).unwrap_or(self.before);
        if ended { SearchResult::Never } else { SearchResult::More(bytes.len()) }
    }
}

/// Searches the end of a value by its brackets and quotes: the byte after the bracket that closes it.
pub(super) struct Balanced {
    brackets: Brackets,
    state: State,
    before: u8,
    /// Also stop at a record inside a line, which shows that the brackets do not balance.
    records: bool,
    /// The brackets or quotes do not balance; from here only lines and records count.
    broken: bool,
    /// The value is a member of an array: it may be a scalar, and another member or the end of the array must
    /// follow.
    member: bool,
    /// The brackets balance; what follows is still to be checked.
    closed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Plain,
    Text,
    Escape,
}

impl Balanced {
    /// The end of the value that begins where the search begins, or the next line that begins with an object
    /// or an array: no printer starts a line so inside a value.
    pub(super) fn value() -> Self {
        let brackets = Brackets::default();
        Self { brackets, state: State::Plain, before: 0, records: false, broken: false, member: false, closed: false }
    }

    /// The end of an object, for a search that begins after one of its members.
    pub(super) fn rest_of_object() -> Self {
        let mut brackets = Brackets::default();
        brackets.open(b'{');
        Self { brackets, records: true, ..Self::value() }
    }

    /// The end of a damaged member of an array: its bracket, or the comma or bracket after it, unless a line
    /// or a record begins earlier. With `broken` the brackets do not count.
    pub(super) fn member(broken: bool) -> Self {
        Self { records: true, member: true, broken, ..Self::value() }
    }

    /// Whether, and where, the value ends at a byte outside strings.
    fn plain(&mut self, byte: u8) -> Option<Ended> {
        match byte {
            b'"' => self.state = State::Text,
            b'{' | b'[' => self.brackets.open(byte),
            b',' | b']' if self.member && self.brackets.depth == 0 => return Some(Ended::Before),
            b'}' | b']' => match self.brackets.close(byte) {
                true if self.brackets.depth == 0 => return Some(Ended::With),
                true => {}
                false => self.broken = true,
            },
            _ => {}
        }
        None
    }

    /// Advances by one byte.
    fn step(&mut self, byte: u8) -> Option<Ended> {
        let mut end = None;
        match self.state {
            _ if self.broken => {}
            State::Plain => end = self.plain(byte),
            State::Text if byte == b'"' => self.state = State::Plain,
            State::Text if byte == b'\\' => self.state = State::Escape,
            // A string cannot hold a newline: a quote is missing, and nothing that follows can be trusted.
            State::Text if byte == b'\n' => self.broken = true,
            State::Text => {}
            State::Escape => self.state = State::Text,
        }
        self.closed = end.is_some();
        if !byte.is_ascii_whitespace() {
            self.before = byte;
        }
        end
    }

    /// Whether a line or a record begins here; `None` if that needs more bytes.
    fn resumes(&self, bytes: &[u8], at: usize, ended: bool) -> Option<Option<(usize, Next)>> {
        match bytes[at] {
            b'\n' => {
                let line = at + 1;
                let container = matches!(bytes.get(line), Some(b'{' | b'['));
                if line == bytes.len() && !ended {
                    return None;
                }
                let next = if self.before == b',' { Next::LineOfMember } else { Next::Line };
                Some(container.then_some((line, next)))
            }
            b'{' if self.records && self.before != 0 && self.before != b':' => {
                begins_record(bytes, at, ended).map(|yes| yes.then_some((at, Next::Record)))
            }
            _ => Some(None),
        }
    }
}

/// The open brackets.
#[derive(Default)]
struct Brackets {
    depth: usize,
    /// One bit per bracket, set for braces; only for the outermost [`Self::KINDS_MAX`].
    braces: Vec<u64>,
}

impl Brackets {
    /// Deeper brackets may be closed by either kind. This bounds the memory.
    const KINDS_MAX: usize = 1 << 20;

    fn open(&mut self, byte: u8) {
        let (word, bit) = (self.depth / 64, self.depth % 64);
        if self.depth < Self::KINDS_MAX {
            if word == self.braces.len() {
                self.braces.push(0);
            }
            self.braces[word] = (self.braces[word] & !(1 << bit)) | (u64::from(byte == b'{') << bit);
        }
        self.depth += 1;
    }

    /// False if no bracket is open, or one of the other kind.
    fn close(&mut self, byte: u8) -> bool {
        let Some(depth) = self.depth.checked_sub(1) else { return false };
        self.depth = depth;
        depth >= Self::KINDS_MAX || (self.braces[depth / 64] >> (depth % 64) & 1 == 1) == (byte == b'}')
    }
}

/// Whether a value ends before or with the byte that ends it.
enum Ended {
    Before,
    With,
}

impl Search for Balanced {
    fn search(&mut self, bytes: &[u8], from: usize, ended: bool) -> SearchResult {
        let mut at = from;
        loop {
            if self.closed {
                match if self.member { follows_member(&bytes[at..], ended) } else { Some(true) } {
                    Some(true) => return SearchResult::At(at, Next::Behind),
                    None => return SearchResult::More(at),
                    // Closed too early: one of the brackets is the damage.
                    Some(false) => (self.closed, self.broken) = (false, true),
                }
            }
            let Some(&byte) = bytes.get(at) else { break };
            if matches!(byte, b'\n' | b'{') {
                match self.resumes(bytes, at, ended) {
                    None => return SearchResult::More(at),
                    Some(Some((at, next))) => return SearchResult::At(at, next),
                    Some(None) => {}
                }
            }
            match self.step(byte) {
                Some(Ended::Before) => {}
                Some(Ended::With) | None => at += 1,
            }
        }
        if ended { SearchResult::Never } else { SearchResult::More(at) }
    }
}

/// Whether the array's end or another member follows. Records are objects, so anything else after the comma
/// is the rest of the member. `None` if that needs more bytes.
fn follows_member(bytes: &[u8], ended: bool) -> Option<bool> {
    let head = &bytes[..bytes.len().min(LOOK_AHEAD)];
    let mut solid = head.iter().filter(|byte| !byte.is_ascii_whitespace());
    match (solid.next(), solid.next()) {
        (Some(b']'), _) | (Some(b','), Some(b'{' | b'[' | b']')) => Some(true),
        (Some(b',') | None, None) => (head.len() == LOOK_AHEAD || ended).then_some(true),
        _ => Some(false),
    }
}

/// Whether the line at `at` begins something new. Lines that continue a value are indented, or begin with a
/// key, a comma or a closing bracket. `None` if that needs more bytes.
fn begins_line(bytes: &[u8], at: usize, ended: bool) -> Option<bool> {
    match bytes.get(at) {
        Some(byte) => Some(!matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'"' | b',' | b'}' | b']')),
        None => ended.then_some(false),
    }
}

/// Whether an object begins at `at` whose first key is a record's. `None` if that needs more bytes.
fn begins_record(bytes: &[u8], at: usize, ended: bool) -> Option<bool> {
    match first_key(&bytes[at..], ended) {
        FirstKey::Is(key, _) => Some(FIRST_KEYS.iter().any(|first| first.as_bytes() == key)),
        FirstKey::None => Some(false),
        FirstKey::Unknown => None,
    }
}

/// The first key of an object, as far as it is in view.
pub(super) enum FirstKey<'a> {
    /// The key, without escapes, and the offset after its closing quote.
    Is(&'a [u8], usize),
    /// No key, or a longer one than any that is searched.
    None,
    /// More bytes must come into view.
    Unknown,
}

/// The first key of the object at the beginning of `bytes`.
pub(super) fn first_key(bytes: &[u8], ended: bool) -> FirstKey<'_> {
    let head = &bytes[..bytes.len().min(LOOK_AHEAD)];
    let missing = || if head.len() == LOOK_AHEAD || ended { FirstKey::None } else { FirstKey::Unknown };
    let Some(space) = head.iter().skip(1).position(|byte| !byte.is_ascii_whitespace()) else { return missing() };
    let quote = 1 + space;
    if head[quote] != b'"' {
        return FirstKey::None;
    }
    match memchr(b'"', &head[quote + 1..]) {
        Some(len) => FirstKey::Is(&head[quote + 1..quote + 1 + len], quote + 1 + len + 1),
        None => missing(),
    }
}

fn last_solid(bytes: &[u8]) -> Option<u8> {
    bytes.iter().rev().copied().find(|byte| !byte.is_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a search over the whole input, and again byte by byte: both must find the same place.
    fn check(make: impl Fn() -> Box<dyn Search>, input: &str, expected: SearchResult) {
        assert_eq!(make().search(input.as_bytes(), 0, true), expected, "{input:?} at once");
        let (mut search, mut from) = (make(), 0);
        for end in 1..=input.len() {
            match search.search(&input.as_bytes()[..end], from, end == input.len()) {
                SearchResult::More(next) => from = next,
                found => return assert_eq!(found, expected, "{input:?} byte by byte"),
            }
        }
        panic!("{input:?}: a search must come to an end");
    }

    #[test]
    fn lines() {
        check(|| Box::new(NextLine), "garbage\nmore", SearchResult::At(8, Next::Line));
        check(|| Box::new(NextLine), "garbage", SearchResult::Never);
        check(|| Box::new(NextJsonLine), "garbage\nmore\n {\n{", SearchResult::At(16, Next::Line));
        check(|| Box::new(NextJsonLine), "garbage\nmore\n", SearchResult::Never);
    }

    #[test]
    fn behind_a_damaged_value() {
        let behind = || -> Box<dyn Search> { Box::new(BehindValue::default()) };
        check(behind, "{\"a\": x}\n{\"b\"", SearchResult::At(9, Next::Line));
        check(behind, "{\"a\": x}\nplain text", SearchResult::At(9, Next::Line));
        check(behind, "{\n  \"a\": x,\n  \"b\": {\n  }\n}\n{", SearchResult::At(27, Next::Line));
        check(behind, "{\n\"a\": x,\n\n\"b\": 1\r\n}\n", SearchResult::Never);
        check(behind, "{\"a\": x} {\"eventVersion\":1}", SearchResult::At(9, Next::Record));
        check(behind, "{\"detail\": {\"eventVersion\":1}, x}", SearchResult::Never);
        check(behind, "{\"a\": x}{\"b\":1}", SearchResult::Never);
    }

    #[test]
    fn the_end_of_a_value() {
        let value = || -> Box<dyn Search> { Box::new(Balanced::value()) };
        check(value, r#"{"a":[1,"}\"]",{}]},"#, SearchResult::At(19, Next::Behind));
        check(value, r"[[[]],{}] ", SearchResult::At(9, Next::Behind));
        check(value, r#"{"a":"#, SearchResult::Never);
        check(value, r#"{"a":[}]"#, SearchResult::Never);
        let deep = "[".repeat(200) + &"{\"a\":".repeat(200) + "1" + &"}".repeat(200) + &"]".repeat(200);
        check(value, &(deep.clone() + "]"), SearchResult::At(deep.len(), Next::Behind));
        check(|| Box::new(Balanced::rest_of_object()), r#","a":{"b":"}"}} x"#, SearchResult::At(15, Next::Behind));
        check(|| Box::new(Balanced::rest_of_object()), ",\"a\":\n{\"b\"", SearchResult::At(6, Next::Line));
    }

    #[test]
    fn behind_a_damaged_member() {
        let member = || -> Box<dyn Search> { Box::new(Balanced::member(false)) };
        check(member, r#"{"a": x},{"b":1}]"#, SearchResult::At(8, Next::Behind));
        check(member, r#"xyz,{"b":1}]"#, SearchResult::At(3, Next::Behind));
        check(member, r"xyz]", SearchResult::At(3, Next::Behind));
        check(member, r#"{"eventVersion":"1","ev,{"eventVersion":"1"}]"#, SearchResult::At(24, Next::Record));
        check(member, r#"{"eventVersion":"1","b":{ "awsRegion" :1}]"#, SearchResult::Never);
        check(member, "{\"a\":\"tru\n{\"a\":1}", SearchResult::At(10, Next::Line));
        check(member, "{\"a\":\"tru},\n{\"a\":1}", SearchResult::At(12, Next::LineOfMember));
        check(member, "{\"a\":\"tru\n  }, {\"b\":1}]", SearchResult::Never);
        check(
            || Box::new(Balanced::member(true)),
            r#"{"a":1},{"b":1},{"eventTime":1}"#,
            SearchResult::At(16, Next::Record),
        );
    }
}
