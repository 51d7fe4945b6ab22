//! Tests of YAML reading: limits, tags, merge keys, damaged text.

use super::*;
use crate::base::diag::SourceMap;

/// Parses with small limits; returns the documents and `code line:column` of each finding.
fn read(text: &str) -> (Vec<Document>, Vec<String>) {
    let mut sources = SourceMap::new();
    let mut found = Diagnostics::new();
    let limits = Limits { nodes_max: 10_000, documents_max: 20, ..Limits::OURS };
    let documents =
        text_of("t.yaml", text.as_bytes().to_vec(), (&mut sources, &mut found)).map(|file| {
            let text = sources.text(file);
            parse_all((file, &text), &limits, Rules::Strict, &mut found)
        });
    let lines = found
        .sorted()
        .iter()
        .map(|d| {
            let span = d.span.unwrap();
            format!("{} {}:{}", d.code, span.line, span.column)
        })
        .collect();
    (documents.unwrap_or_default(), lines)
}

#[test]
fn broken_texts_are_located() {
    let deep = "[".repeat(100);
    let deep_block: String = (0..100).map(|i| format!("{}a:\n", " ".repeat(i))).collect();
    let bomb: String = std::iter::once("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned())
        .chain((1..30).map(|i| {
            let alias = vec![format!("*a{}", i - 1); 10].join(",");
            format!("a{i}: &a{i} [{alias}]\n")
        }))
        .collect();
    let chain: String = std::iter::once("a0: &a0 [x]\n".to_owned())
        .chain((1..70).map(|i| format!("a{i}: &a{i} [*a{}]\n", i - 1)))
        .collect();
    let documents = "---\na: 1\n".repeat(30);
    let mut wrong = Vec::new();
    for (name, text, expected) in [
        ("unclosed quote", "a: \"b\nc: d\n", "E005 1:4"),
        ("unclosed bracket", "a: [1, 2\n", "E005 1:4"),
        ("tab", "a:\n\tb: 1\n", "E005 2:2"),
        ("colon in value", "a: b: c\n", "E005 1:5"),
        ("unknown alias", "a: *x\n", "E005 1:4"),
        ("self alias", "a: &a [*a]\n", "E005 1:8"),
        ("flow depth", deep.as_str(), "E006 1:65"),
        ("block depth", deep_block.as_str(), "E006 65:65"),
        ("alias bomb", bomb.as_str(), "E007 4:34"),
        ("alias depth", chain.as_str(), "E006 64:12"),
        ("documents", documents.as_str(), "E008 41:1"),
        ("duplicate key", "a: 1\nb: 2\na: 3\n", "E009 3:1"),
        ("tag", "a: !Foo 1\n", "E010 1:4"),
        ("mapping tag", "a: !Foo\n  b: 1\n", "E010 1:4"),
        ("complex key", "{a: 1}: b\n", "E011 1:1"),
        ("template", "a: {{ .Values.x }}\n", "E011 1:5"),
        ("merge of text", "a:\n  <<: x\n", "E011 2:3"),
        ("empty", "", "E004 0:0"),
        ("comment only", "# nothing\n", "E004 0:0"),
        ("null only", "---\n...\n", "E004 0:0"),
        ("zero byte", "a: \0\n", "E003 0:0"),
    ] {
        let (_, found) = read(text);
        if found != [expected] {
            wrong.push(format!("{name}: expected {expected}, found {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn not_utf8_is_located() {
    let mut sources = SourceMap::new();
    for (bytes, expected) in [
        (b"a: 1\nb: \xff\n".to_vec(), (2, 4)),
        (vec![0xff, 0xfe, b'a', 0], (0, 0)),
        (vec![0x7f, b'E', b'L', b'F', 0, 1], (0, 0)),
    ] {
        let mut found = Diagnostics::new();
        assert!(text_of("t", bytes, (&mut sources, &mut found)).is_none());
        let span = found.items()[0].span.unwrap();
        assert_eq!((span.line, span.column), expected);
    }
}

#[test]
fn reading_goes_on_after_a_broken_document() {
    let (documents, found) = read("a: 1\n---\nb: [\n---\nc: 3\n");
    assert_eq!(documents.len(), 2);
    assert_eq!(found.len(), 1);
    assert!(documents[1].root.get("c").is_some());
}

#[test]
fn aliases_merge_keys_and_bom_are_read() {
    let text = "\u{feff}base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\nlist: [*b]\n";
    let (documents, found) = read(text);
    assert_eq!(found, Vec::<String>::new());
    let root = &documents[0].root;
    let used = root.get("use").unwrap();
    assert_eq!(used.get("x").unwrap().scalar_text(), Some("1"));
    assert_eq!(used.get("y").unwrap().scalar_text(), Some("3"));
    assert_eq!(root.get("list").unwrap().items().len(), 1);
    assert_eq!(root.entries()[0].key_span.column, 1);
}

#[test]
fn spans_point_at_keys_and_values() {
    let (documents, _) = read("spec:\n  日本: \"x y\"\n  list:\n    - a\n    - b: 1\n");
    let spec = documents[0].root.get("spec").unwrap();
    let place = |span: Span| (span.line, span.column, span.len);
    let entry = spec.entry("日本").unwrap();
    assert_eq!(place(entry.key_span), (2, 3, 2));
    assert_eq!(place(entry.value.span), (2, 7, 5));
    let items = spec.get("list").unwrap().items();
    assert_eq!(place(items[0].span), (4, 7, 1));
    assert_eq!(place(items[1].entry("b").unwrap().key_span), (5, 7, 1));
}

#[test]
fn json_is_yaml() {
    let (documents, found) = read("{\"a\": [1, 2.5, null, true], \"b\\u0041\": \"c\"}");
    assert_eq!(found, Vec::<String>::new());
    assert!(documents[0].root.get("bA").is_some());
}

#[test]
fn large_files_are_refused_by_size() {
    let folder = tempfile::tempdir().unwrap();
    for megabytes in [17, 100] {
        let path = folder.path().join("big.yaml");
        // A sparse file: refusing must not depend on reading it.
        std::fs::File::create(&path).unwrap().set_len(megabytes * 1_000_000).unwrap();
        let (mut sources, mut found) = (SourceMap::new(), Diagnostics::new());
        let into = (&mut sources, &mut found);
        let file = load(&path, "big.yaml", &Limits::OURS, into).unwrap();
        assert_eq!(file, None);
        assert_eq!(found.items()[0].code, codes::FILE_TOO_LARGE);
    }
    let missing = folder.path().join("none.yaml");
    let (mut sources, mut found) = (SourceMap::new(), Diagnostics::new());
    let into = (&mut sources, &mut found);
    assert!(load(&missing, "none.yaml", &Limits::OURS, into).is_err());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(256))]
    #[test]
    fn no_text_breaks_the_reader(text in "[-:\\[\\]{}&*!|>'\"%@,#?<a1 \\n\\t~.]{0,80}") {
        let _ = read(&text);
    }
}
