//! A view of Rust source that knows comments and literals, and nothing more of the grammar.

/// One Rust file with its literals, and in one view its comments too, blanked out by spaces, so
/// that byte positions and line numbers stay.
pub(crate) struct Source {
    /// Code alone: comments and the insides of string and character literals are spaces.
    pub(crate) code: String,
    /// Code and comments: only the insides of literals are spaces.
    pub(crate) text: String,
}

impl Source {
    pub(crate) fn of(rust: &str) -> Source {
        let mut masker = Masker { input: rust.as_bytes(), at: 0, code: vec![], text: vec![] };
        while masker.at < masker.input.len() {
            masker.step();
        }
        let utf8 = |bytes| String::from_utf8(bytes).expect("blanking replaces whole characters");
        Source { code: utf8(masker.code), text: utf8(masker.text) }
    }
}

/// Number, from 1, of the line that holds byte `at`.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|b| **b == b'\n').count() + 1
}

struct Masker<'a> {
    input: &'a [u8],
    at: usize,
    code: Vec<u8>,
    text: Vec<u8>,
}

impl Masker<'_> {
    fn step(&mut self) {
        let rest = &self.input[self.at..];
        if rest.starts_with(b"//") {
            let end = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
            self.comment(end);
        } else if rest.starts_with(b"/*") {
            self.comment(block_comment_len(rest));
        } else if let Some((open, len)) = self.literal(rest) {
            self.keep(open);
            self.blank(len - open);
        } else {
            self.keep(1);
        }
    }

    /// The length of the opening and of the whole literal that starts here, if one does.
    fn literal(&self, rest: &[u8]) -> Option<(usize, usize)> {
        let in_word = self.at > 0 && is_word(self.input[self.at - 1]);
        match rest[0] {
            b'"' => Some((1, quoted_len(rest, b'"'))),
            b'r' if !in_word || self.after_prefix() => raw_string(rest),
            b'\'' => {
                let escaped = rest.get(1) == Some(&b'\\');
                let character = std::str::from_utf8(&rest[1..]).ok()?.chars().next()?.len_utf8();
                let closed = rest.get(1 + character) == Some(&b'\'');
                (escaped || closed).then(|| (1, quoted_len(rest, b'\'')))
            }
            _ => None,
        }
    }

    /// Whether the byte before is the `b` or `c` of `br"…"` or `cr"…"`, itself not within a word.
    fn after_prefix(&self) -> bool {
        let prefix = self.at.checked_sub(1).map(|i| self.input[i]);
        let before = self.at.checked_sub(2).map(|i| self.input[i]);
        matches!(prefix, Some(b'b' | b'c')) && !before.is_some_and(is_word)
    }

    fn keep(&mut self, len: usize) {
        let bytes = &self.input[self.at..self.at + len];
        self.code.extend(bytes);
        self.text.extend(bytes);
        self.at += len;
    }

    fn blank(&mut self, len: usize) {
        let blanks = blanked(&self.input[self.at..self.at + len]);
        self.code.extend(&blanks);
        self.text.extend(&blanks);
        self.at += len;
    }

    fn comment(&mut self, len: usize) {
        let bytes = &self.input[self.at..self.at + len];
        self.code.extend(blanked(bytes));
        self.text.extend(bytes);
        self.at += len;
    }
}

fn blanked(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|b| if *b == b'\n' { b'\n' } else { b' ' }).collect()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Length of a literal from its opening quote to its closing one; to the end if it never closes.
fn quoted_len(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b if b == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

fn raw_string(rest: &[u8]) -> Option<(usize, usize)> {
    let hashes = rest[1..].iter().take_while(|b| **b == b'#').count();
    let open = 1 + hashes + 1;
    if rest.get(open - 1) != Some(&b'"') {
        return None;
    }
    let mut close = vec![b'"'];
    close.resize(1 + hashes, b'#');
    let inside = rest[open..].windows(close.len()).position(|w| w == close);
    Some((open, inside.map_or(rest.len(), |i| open + i + close.len())))
}

fn block_comment_len(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest[at..].starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

#[test]
fn literals_and_comments_are_told_from_code() {
    for (rust, code) in [
        (r#"a("b // c") // d"#, r#"a("       )     "#),
        (r##"r#"x"y"# z"##, r##"r#"      z"##),
        (r#"br"x" b"y" c"#, r#"br"   b"   c"#),
        (r"'a' 'b: &'c '\'' d", r"'   'b: &'c '    d"),
        ("/* a /* b */ c */ d", "                  d"),
        (r#""\"" a"#, r#""    a"#),
        ("hair\"x\"", "hair\"  "),
        ("'é' x", "'    x"),
        ("\"open", "\"    "),
    ] {
        assert_eq!(Source::of(rust).code, code, "{rust}");
    }
    assert_eq!(Source::of("a // \"b\"\n\"c\"").text, "a // \"b\"\n\"  ");
    assert_eq!(line_of("a\nb\nc", 4), 3);
}
