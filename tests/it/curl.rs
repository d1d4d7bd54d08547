//! A curl command as a reader would paste it, turned into the bytes that curl would send.
//! It knows the few options our texts use, and panics at anything else rather than sending something different.

use std::net::SocketAddr;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// A request of curl's.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Curl {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Vec<u8>>,
    /// Whether the answer's head is shown.
    pub(crate) shows_head: bool,
}

impl Curl {
    /// Reads a command line.
    pub(crate) fn parse(command: &str) -> Curl {
        let mut words = split(command).into_iter();
        assert_eq!(words.next().as_deref(), Some("curl"), "only curl is understood: {command}");
        let mut curl =
            Curl { method: String::new(), url: String::new(), headers: Vec::new(), body: None, shows_head: false };
        let (mut pieces, mut is_query) = (Vec::new(), false);
        while let Some(word) = words.next() {
            let mut value = || words.next().unwrap_or_else(|| panic!("{word} needs a value: {command}"));
            match word.as_str() {
                "-s" | "-S" | "-sS" | "--silent" | "--show-error" => {}
                // Brackets in an address are what they are.
                "-g" | "-sSg" | "--globoff" => {}
                "-i" | "-si" | "-sSi" | "--include" => curl.shows_head = true,
                "-I" | "--head" => (curl.method, curl.shows_head) = ("HEAD".to_owned(), true),
                "-X" | "--request" => curl.method = value(),
                "-H" | "--header" => {
                    let header = value();
                    let (name, value) = header.split_once(':').unwrap_or_else(|| panic!("not a header: {header}"));
                    curl.headers.push((name.trim().to_owned(), value.trim().to_owned()));
                }
                "-u" | "--user" => {
                    let credential = STANDARD.encode(value());
                    curl.headers.push(("Authorization".to_owned(), format!("Basic {credential}")));
                }
                "-G" | "--get" => is_query = true,
                "-d" | "--data" => pieces.push(data(&value(), true)),
                "--data-binary" => pieces.push(data(&value(), false)),
                "--data-raw" => pieces.push(value().into_bytes()),
                "--data-urlencode" => pieces.push(encoded(&value())),
                option if option.starts_with('-') => panic!("the option {option} is not understood: {command}"),
                url => {
                    assert!(curl.url.is_empty(), "two addresses: {command}");
                    curl.url = url.to_owned();
                }
            }
        }
        curl.take(pieces, is_query);
        curl.complete();
        curl
    }

    /// Puts what several `-d` gave together, as the body or, after `-G`, in the address.
    fn take(&mut self, pieces: Vec<Vec<u8>>, is_query: bool) {
        if pieces.is_empty() {
            return;
        }
        let data = pieces.join(&b'&');
        if !is_query {
            self.body = Some(data);
            return;
        }
        let data = String::from_utf8(data).expect("text");
        assert!(!data.contains(char::is_whitespace), "curl takes no space in an address: {data}");
        self.url.push(if self.url.contains('?') { '&' } else { '?' });
        self.url.push_str(&data);
    }

    /// Fills in what curl decides by itself.
    fn complete(&mut self) {
        if self.method.is_empty() {
            self.method = if self.body.is_some() { "POST" } else { "GET" }.to_owned();
        }
        let is_typed = self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if self.body.is_some() && !is_typed {
            self.headers.push(("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned()));
        }
    }

    /// The request as it goes over the wire, to a server at that address.
    pub(crate) fn request(&self, address: SocketAddr) -> Vec<u8> {
        let path = self.url.strip_prefix(&format!("http://{address}"));
        let path = path.unwrap_or_else(|| panic!("{} is not at {address}", self.url));
        let path = if path.is_empty() { "/" } else { path };
        let mut head = format!("{} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n", self.method);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = &self.body {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        [head.as_bytes(), self.body.as_deref().unwrap_or_default()].concat()
    }
}

/// The value of `-d`, or with `@` the file of that name, from which `-d` takes the line ends.
fn data(value: &str, strips: bool) -> Vec<u8> {
    let Some(name) = value.strip_prefix('@') else { return value.as_bytes().to_vec() };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let mut bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if strips {
        bytes.retain(|byte| !matches!(byte, b'\r' | b'\n'));
    }
    bytes
}

/// The value of `--data-urlencode`, of which what follows the name is encoded.
fn encoded(value: &str) -> Vec<u8> {
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    let (name, content) = value.split_once('=').unwrap_or_else(|| panic!("{value} has no name"));
    format!("{name}={}", utf8_percent_encode(content, RESERVED)).into_bytes()
}

/// Splits a command into words as a shell does, without anything that a shell would expand or run.
fn split(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = command.trim().chars();
    while let Some(character) = characters.next() {
        match character {
            '\'' => {
                let word = word.get_or_insert_default();
                let closes = characters.by_ref().any(|quoted| match quoted {
                    '\'' => true,
                    quoted => {
                        word.push(quoted);
                        false
                    }
                });
                assert!(closes, "a quote does not end: {command}");
            }
            '"' => quoted(&mut characters, word.get_or_insert_default()),
            '\\' => match characters.next() {
                Some('\n') => {}
                Some(escaped) => word.get_or_insert_default().push(escaped),
                None => panic!("nothing follows the last backslash: {command}"),
            },
            '$' | '`' | '|' | '&' | ';' | '<' | '>' | '(' | ')' | '*' | '?' | '#' | '\n' => {
                panic!("a shell would not take {character:?} as it stands: {command}")
            }
            character if character.is_whitespace() => words.extend(word.take()),
            character => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

/// The rest of a word part in double quotes.
fn quoted(characters: &mut std::str::Chars<'_>, word: &mut String) {
    loop {
        match characters.next().expect("a quote does not end") {
            '"' => return,
            '\\' => match characters.next().expect("a quote does not end") {
                '\n' => {}
                escaped @ ('"' | '\\' | '$' | '`') => word.push(escaped),
                other => word.extend(['\\', other]),
            },
            expanded @ ('$' | '`') => panic!("a shell would expand {expanded}"),
            other => word.push(other),
        }
    }
}

#[test]
fn words_are_split_as_a_shell_splits_them() {
    let command = "curl -sS 'http://h/?a=1&b' \\\n  -H \"A: \\\"q\\\" \\n\" -d 'it'\\''s <x>\ny' ''";
    let words = ["curl", "-sS", "http://h/?a=1&b", "-H", "A: \"q\" \\n", "-d", "it's <x>\ny", ""];
    assert_eq!(split(command), words);
    for expanded in ["curl http://h/?a", "curl $URL", "curl a | cat", "curl \"$(id)\"", "curl 'a", "curl a\ncurl b"] {
        assert!(std::panic::catch_unwind(|| split(expanded)).is_err(), "{expanded}");
    }
}

#[test]
fn requests_are_those_of_curl() {
    let curl = Curl::parse("curl -i -u 'k:a' -d '<a/>' http://127.0.0.1:1/x");
    let expected = "POST /x HTTP/1.1\r\nHost: 127.0.0.1:1\r\nConnection: close\r\nAuthorization: Basic azph\r\n\
                    Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 4\r\n\r\n<a/>";
    assert!(curl.shows_head);
    assert_eq!(String::from_utf8(curl.request(([127, 0, 0, 1], 1).into())).expect("UTF-8"), expected);
    assert_eq!(Curl::parse("curl http://h/").method, "GET");
    assert_eq!(Curl::parse("curl -I http://h/").method, "HEAD");
    let several = Curl::parse("curl -X PUT -d a=1 -d 'b={ }' --data-urlencode 'c=1 &ü' http://h/");
    assert_eq!(several.body.as_deref(), Some("a=1&b={ }&c=1%20%26%C3%BC".as_bytes()));
    let query = Curl::parse("curl -G 'http://h/?a=1' -H 'Content-Type: x' -d b=2 -d c=3");
    assert_eq!((query.method.as_str(), query.url.as_str(), query.body), ("GET", "http://h/?a=1&b=2&c=3", None));
    assert_eq!(query.headers, [("Content-Type".to_owned(), "x".to_owned())]);
}
