//! Text whose fields are separated by commas or the like (RFC 4180, and what spreadsheets make of it), read line by line
//! and written. What the fields are, is not known here.

use std::collections::VecDeque;
use std::io::{self, Read, Write};

use csv::{ByteRecord, ReaderBuilder, Terminator, WriterBuilder};

/// What may separate fields, the likeliest first.
pub const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Bytes that are looked at to find out what separates fields.
pub const SAMPLE: usize = 64 * 1_024;
/// Bytes of one line, which a quote that is never closed would make of a whole file.
pub const LONGEST_LINE: u64 = 1 << 20;

/// Lines that are looked at to find out what separates fields.
const SAMPLED: usize = 50;

/// A flaw that ends the reading.
#[derive(Debug)]
pub enum Flaw {
    /// The source cannot be read.
    Unreadable(io::Error),
    /// A line that begins there has more bytes than any may have, perhaps since a quote is not closed.
    TooLong(u64),
}

/// What separates the fields of a text that begins so: that by which most lines have the same number of fields, and of
/// several such the one that makes most fields. A comma if nothing separates anything.
pub fn detect(sample: &[u8]) -> u8 {
    let mut best = (b',', 0);
    for delimiter in DELIMITERS {
        let mut reader =
            ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(sample);
        let counts: Vec<usize> =
            reader.byte_records().take(SAMPLED).map_while(Result::ok).map(|line| line.len()).collect();
        let Some(&first) = counts.first().filter(|count| **count > 1) else { continue };
        let alike = counts.iter().filter(|count| **count == first).count();
        // Of ten lines nine may not be broken; then the number of fields decides.
        let worth = if alike * 10 >= counts.len() * 9 { 1_000_000 + first } else { alike };
        if worth > best.1 {
            best = (delimiter, worth);
        }
    }
    best.0
}

/// A line.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// Where it begins: the number of the line in the text, from 1.
    pub number: u64,
    /// Its fields; `None` if one of them is not UTF-8.
    pub fields: Option<Vec<String>>,
}

/// The lines of a text. Empty ones are passed over, and a mark of the byte order before the first.
pub struct Lines<R> {
    reader: csv::Reader<Watched<R>>,
    record: ByteRecord,
    /// How many bytes were read, up to the end of the last line.
    done: u64,
    /// How many lines end before that.
    ended: u64,
}

/// A source that refuses to go on beyond a place, so that no line is longer than it may be, and that knows where lines end:
/// what the library says of that is wrong where they end with two characters.
struct Watched<R> {
    source: R,
    read: u64,
    until: u64,
    /// Where lines end, of what was not asked for yet.
    ends: VecDeque<u64>,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read > self.until {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let count = self.source.read(buffer)?;
        let bytes = buffer.iter().take(count).enumerate();
        let ends = bytes.filter(|(_, byte)| **byte == b'\n').map(|(at, _)| self.read + at as u64 + 1);
        self.ends.extend(ends);
        self.read += count as u64;
        Ok(count)
    }
}

impl<R: Read> Lines<R> {
    /// Reads such a text.
    pub fn new(source: R, delimiter: u8) -> Lines<R> {
        let source = Watched { source, read: 0, until: LONGEST_LINE, ends: VecDeque::new() };
        let reader = ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(source);
        Lines { reader, record: ByteRecord::new(), done: 0, ended: 0 }
    }

    /// The next line; `None` at the end.
    /// # Errors
    /// As [`Flaw`] has them.
    pub fn read(&mut self) -> Result<Option<Line>, Flaw> {
        match self.reader.read_byte_record(&mut self.record) {
            Ok(false) => return Ok(None),
            Ok(true) => {}
            Err(cause) => {
                return Err(match cause.into_kind() {
                    csv::ErrorKind::Io(cause) if cause.kind() == io::ErrorKind::FileTooLarge => {
                        Flaw::TooLong(self.ended + 1)
                    }
                    csv::ErrorKind::Io(cause) => Flaw::Unreadable(cause),
                    other => Flaw::Unreadable(io::Error::other(format!("{other:?}"))),
                });
            }
        }
        let done = self.reader.position().byte();
        let source = self.reader.get_mut();
        source.until = done.saturating_add(LONGEST_LINE);
        let mut is_at_end = false;
        while let Some(end) = source.ends.front().filter(|end| **end <= done) {
            is_at_end = *end == done;
            self.ended += 1;
            source.ends.pop_front();
        }
        self.done = done;
        // The second half of two characters is read with the next line.
        let last = if is_at_end { self.ended } else { self.ended + 1 };
        let within: u64 =
            self.record.iter().map(|field| field.iter().filter(|byte| **byte == b'\n').count() as u64).sum();
        let fields = self.record.iter().map(|field| String::from_utf8(field.to_vec()).ok()).collect();
        Ok(Some(Line { number: last.saturating_sub(within), fields }))
    }

    /// How many bytes were read, up to the end of the last line.
    pub fn bytes(&self) -> u64 {
        self.done
    }
}

/// Writes lines, which end as RFC 4180 has it. Fields are quoted where they must be.
pub struct Writer<W: Write> {
    writer: csv::Writer<W>,
    is_neutral: bool,
}

impl<W: Write> Writer<W> {
    /// Writes to there. What is neutral begins no formula in a spreadsheet: a field that would gets an apostrophe before it.
    pub fn new(to: W, delimiter: u8, is_neutral: bool) -> Writer<W> {
        let writer =
            WriterBuilder::new().delimiter(delimiter).terminator(Terminator::CRLF).flexible(true).from_writer(to);
        Writer { writer, is_neutral }
    }

    /// Writes a line.
    /// # Errors
    /// It cannot be written there.
    pub fn write<'f>(&mut self, fields: impl Iterator<Item = &'f str>) -> io::Result<()> {
        for field in fields {
            let written = match self.is_neutral && begins_formula(field) {
                true => self.writer.write_field(format!("'{field}")),
                false => self.writer.write_field(field),
            };
            written.map_err(io::Error::other)?;
        }
        self.writer.write_record(None::<&[u8]>).map_err(io::Error::other)
    }

    /// Hands everything on, and gives back where it went.
    /// # Errors
    /// It cannot be written there.
    pub fn finish(self) -> io::Result<W> {
        self.writer.into_inner().map_err(|error| io::Error::other(error.to_string()))
    }
}

/// Whether a spreadsheet may take a field for a formula. Numbers begin with a sign too, and do nothing.
fn begins_formula(field: &str) -> bool {
    field.starts_with(['=', '+', '-', '@', '\t', '\r']) && field.parse::<f64>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8], delimiter: u8) -> Vec<(u64, Option<Vec<String>>)> {
        let mut reader = Lines::new(text, delimiter);
        let mut lines = Vec::new();
        while let Some(line) = reader.read().expect("a line") {
            lines.push((line.number, line.fields));
        }
        assert!(text.len() as u64 - reader.bytes() <= 1, "all but the second half of a line's end is read");
        lines
    }

    fn fields(fields: &[&str]) -> Option<Vec<String>> {
        Some(fields.iter().map(|field| (*field).to_owned()).collect())
    }

    #[test]
    fn lines_are_read_with_their_numbers() {
        let text = "\u{FEFF}a,b\r\n\"x\ny\",\"q \"\"w\"\"\"\r\n\n1\n,\nü, z ";
        let expected = [
            (1, fields(&["a", "b"])),
            (2, fields(&["x\ny", "q \"w\""])),
            (5, fields(&["1"])),
            (6, fields(&["", ""])),
            (7, fields(&["ü", " z "])),
        ];
        assert_eq!(lines(text.as_bytes(), b','), expected);
        assert_eq!(lines(b"a;\xFF\nb;c", b';'), [(1, None), (2, fields(&["b", "c"]))]);
        assert_eq!(lines(b"", b','), []);
    }

    #[test]
    fn a_quote_that_is_not_closed_ends_the_reading() {
        let text = [b"a,b\n\"x,".to_vec(), vec![b'y'; 3 << 20]].concat();
        let mut reader = Lines::new(&text[..], b',');
        assert_eq!(reader.read().expect("a line").expect("a line").number, 1);
        assert!(matches!(reader.read(), Err(Flaw::TooLong(2))));
        // As many short lines are nothing special.
        let text = "a,b\n".repeat(1 << 20);
        assert_eq!(lines(text.as_bytes(), b',').len(), 1 << 20);
    }

    #[test]
    fn what_separates_is_found_out() {
        for (text, expected) in [
            ("a,b\n1,2\n", b','),
            ("a;b\n1,5;2,5\n", b';'),
            ("a\tb\tc\n1,2\t3\t4\n", b'\t'),
            ("a|b\n\"x|y\"|2", b'|'),
            ("alone\nsome, words\n", b','),
            ("", b','),
            ("name;text\nx;\"a, b; c\ny, z\"\n", b';'),
        ] {
            assert_eq!(char::from(detect(text.as_bytes())), char::from(expected), "{text}");
        }
    }

    #[test]
    fn what_is_written_can_be_read_and_runs_nowhere() {
        let written = |rows: &[&[&str]], is_neutral| {
            let mut writer = Writer::new(Vec::new(), b';', is_neutral);
            for row in rows {
                writer.write(row.iter().copied()).expect("a line");
            }
            String::from_utf8(writer.finish().expect("a text")).expect("text")
        };
        let rows: &[&[&str]] =
            &[&["a", "b;c", "d\"e", "f\ng"], &["", "", "", ""], &["=1+1", "-1.5", "@x", "+cmd|' /C'!A0"]];
        assert_eq!(written(rows, true), "a;\"b;c\";\"d\"\"e\";\"f\ng\"\r\n;;;\r\n'=1+1;-1.5;'@x;'+cmd|' /C'!A0\r\n");
        let text = written(rows, false);
        let again: Vec<_> = lines(text.as_bytes(), b';').into_iter().map(|(_, fields)| fields).collect();
        assert_eq!(again, rows.iter().map(|row| fields(row)).collect::<Vec<_>>());
    }
}
