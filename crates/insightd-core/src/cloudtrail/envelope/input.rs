//! The input as the decoder sees it: a whole payload, or a bounded view that moves along a stream.

use std::io::{self, Read};

use super::codecs::{Stop, stop_of};

/// Initial size of a stream's buffer, bytes: about a hundred records, and small enough for the processor's
/// cache.
const BUFFER_BYTES: usize = 128 * 1024;

/// Smallest limit of a buffer, bytes, so that every search has the look-ahead that it needs.
const LIMIT_BYTES_MIN: usize = 1024;

/// A view of the input that begins at the first byte not yet consumed.
pub(super) struct Input<'w> {
    source: Source<'w>,
    /// Bytes consumed so far.
    consumed: u64,
    /// The input ends with what is in view.
    ended: bool,
    stop: Option<Stop>,
}

enum Source<'w> {
    Slice(&'w [u8]),
    Stream { reader: &'w mut dyn Read, buffer: Vec<u8>, start: usize, end: usize, limit: usize },
}

impl<'w> Input<'w> {
    /// The whole input, without a copy.
    pub(super) fn slice(bytes: &'w [u8]) -> Self {
        Self { source: Source::Slice(bytes), consumed: 0, ended: true, stop: None }
    }

    /// A stream behind a buffer of at most `limit` bytes. `buffer` is reused for its memory only.
    pub(super) fn stream(reader: &'w mut dyn Read, buffer: Vec<u8>, limit: usize) -> Self {
        let limit = limit.max(LIMIT_BYTES_MIN);
        let source = Source::Stream { reader, buffer, start: 0, end: 0, limit };
        Self { source, consumed: 0, ended: false, stop: None }
    }

    /// What is in view.
    pub(super) fn in_view(&self) -> &[u8] {
        match &self.source {
            Source::Slice(bytes) => bytes,
            Source::Stream { buffer, start, end, .. } => &buffer[*start..*end],
        }
    }

    /// Size of the buffer, bytes.
    pub(super) fn held(&self) -> usize {
        match &self.source {
            Source::Slice(_) => 0,
            Source::Stream { buffer, .. } => buffer.len(),
        }
    }

    /// Bytes consumed so far.
    pub(super) fn consumed(&self) -> u64 {
        self.consumed
    }

    /// Whether the input ends with what is in view.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// Whether the view can hold no more bytes until some are consumed.
    pub(super) fn full(&self) -> bool {
        match &self.source {
            Source::Slice(_) => true,
            Source::Stream { start, end, limit, .. } => end - start >= *limit,
        }
    }

    /// Why the input ended early, if it did.
    pub(super) fn stop(&self) -> Option<Stop> {
        self.stop
    }

    /// Moves the view past `count` bytes.
    pub(super) fn consume(&mut self, count: usize) {
        match &mut self.source {
            Source::Slice(bytes) => *bytes = &bytes[count..],
            Source::Stream { start, end, .. } => {
                assert!(count <= *end - *start, "only what is in view can be consumed");
                *start += count;
            }
        }
        self.consumed += count as u64;
    }

    /// Reads until `wanted` bytes are in view, or the view is full, or the input has ended.
    ///
    /// # Errors
    /// Those of the outermost reader. Damage found by a codec ends the input instead ([`Self::stop`]).
    pub(super) fn fill(&mut self, wanted: usize) -> io::Result<()> {
        while !self.ended && self.in_view().len() < wanted && !self.full() {
            self.read()?;
        }
        Ok(())
    }

    /// Reads at least one more byte, unless the view is full or the input has ended.
    pub(super) fn more(&mut self) -> io::Result<()> {
        self.fill(self.in_view().len() + 1)
    }

    fn read(&mut self) -> io::Result<()> {
        let Source::Stream { reader, buffer, start, end, limit } = &mut self.source else { return Ok(()) };
        make_room(buffer, start, end, *limit);
        // A reused buffer may be larger than this stream's limit.
        let size = buffer.len().min(*limit);
        match reader.read(&mut buffer[*end..size]) {
            Ok(0) => self.ended = true,
            Ok(count) => *end += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                self.stop = Some(stop_of(error)?);
                self.ended = true;
            }
        }
        Ok(())
    }

    /// Returns the buffer for reuse.
    pub(super) fn into_buffer(self) -> Vec<u8> {
        match self.source {
            Source::Slice(_) => Vec::new(),
            Source::Stream { buffer, .. } => buffer,
        }
    }
}

/// Makes room after `end`. Bytes move only when at least as many have been consumed, so that moving costs
/// constant time per byte; otherwise the buffer doubles.
fn make_room(buffer: &mut Vec<u8>, start: &mut usize, end: &mut usize, limit: usize) {
    if start == end {
        (*start, *end) = (0, 0);
    }
    if *end < buffer.len().min(limit) {
        return;
    }
    let held = *end - *start;
    if (*start >= held && *start > 0) || buffer.len() >= limit {
        buffer.copy_within(*start..*end, 0);
        (*start, *end) = (0, held);
    } else {
        let size = (buffer.len() * 2).max(BUFFER_BYTES).min(limit);
        buffer.resize(size, 0);
    }
}

/// Reads what is in view and then the rest of the stream: for a codec that takes over after a look at the
/// first bytes.
impl Read for Input<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.in_view().is_empty() {
            return match &mut self.source {
                Source::Slice(_) => Ok(0),
                Source::Stream { .. } if self.ended => Ok(0),
                Source::Stream { reader, .. } => reader.read(into),
            };
        }
        let count = self.in_view().len().min(into.len());
        into[..count].copy_from_slice(&self.in_view()[..count]);
        self.consume(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that returns at most `step` bytes at a time.
    struct Steps<'a> {
        bytes: &'a [u8],
        step: usize,
    }

    impl Read for Steps<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let count = self.step.min(self.bytes.len()).min(into.len());
            into[..count].copy_from_slice(&self.bytes[..count]);
            self.bytes = &self.bytes[count..];
            Ok(count)
        }
    }

    #[test]
    fn a_stream_passes_through_whole_and_in_bounds() {
        let bytes: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
        for (step, limit, taken) in [(1, 1024, 7), (4096, 2000, 1999), (100_000, 1 << 20, 5000), (333, 5000, 1)] {
            let mut reader = Steps { bytes: &bytes, step };
            let mut input = Input::stream(&mut reader, Vec::new(), limit);
            let mut seen = Vec::new();
            loop {
                input.fill(taken).unwrap();
                let count = input.in_view().len().min(taken);
                if count == 0 {
                    break;
                }
                seen.extend_from_slice(&input.in_view()[..count]);
                input.consume(count);
            }
            assert_eq!(seen, bytes, "step {step}, limit {limit}, taken {taken}");
            assert!(input.ended());
            assert!(input.into_buffer().len() <= limit.max(LIMIT_BYTES_MIN));
        }
    }

    #[test]
    fn a_full_view_reads_no_further() {
        let bytes = [b'x'; 10_000];
        let mut reader = &bytes[..];
        let mut input = Input::stream(&mut reader, Vec::new(), 2000);
        input.fill(usize::MAX).unwrap();
        assert_eq!(input.in_view().len(), 2000);
        assert!(input.full() && !input.ended());
    }

    #[test]
    fn a_reused_buffer_does_not_raise_the_limit() {
        let bytes = [b'x'; 10_000];
        let mut reader = &bytes[..];
        let mut input = Input::stream(&mut reader, vec![0; 1 << 20], 2000);
        input.fill(usize::MAX).unwrap();
        assert_eq!(input.in_view().len(), 2000);
    }
}
