//! Tests of diagnostics: order, rendering, suggestions.

use super::*;

fn one(text: &str, span: (u32, u32, u32)) -> String {
    let mut sources = SourceMap::new();
    let file = sources.add("a.yaml", text);
    let span = Span { file, line: span.0, column: span.1, len: span.2 };
    let mut found = Diagnostics::new();
    found.push(
        Diagnostic::error(codes::UNKNOWN_FIELD, span, "unknown field \"livenesProbe\"")
            .at("spec.livenesProbe")
            .help("did you mean \"livenessProbe\"?"),
    );
    found.render(&sources, PRINTED_MAX)
}

#[test]
fn renders_like_a_compiler() {
    insta::assert_snapshot!(one("spec:\n  livenesProbe: {}\n", (2, 3, 12)), @r#"
    error[E020]: unknown field "livenesProbe"
     --> a.yaml:2:3
      |
    2 |   livenesProbe: {}
      |   ^^^^^^^^^^^^
      = path: spec.livenesProbe
    help: did you mean "livenessProbe"?
    "#);
}

#[test]
fn tabs_wide_and_control_characters_keep_the_caret_in_place() {
    for (line, column, expected_indent) in
        [("\tkey: v", 2, 4), ("日本: x", 5, 6), ("a\u{1b}b: x", 3, 7), ("e\u{301}: x", 5, 3)]
    {
        let shown = one(line, (1, column, 1));
        let caret = shown.lines().find(|l| l.contains('^')).unwrap();
        assert_eq!(caret.find('^').unwrap(), "  | ".len() + expected_indent, "{shown}");
        assert!(!shown.contains('\u{1b}'));
    }
}

#[test]
fn a_very_long_line_is_windowed() {
    let text = format!("{}HERE{}", "x".repeat(5_000), "y".repeat(5_000));
    let shown = one(&text, (1, 5_001, 4));
    assert!(shown.lines().all(|line| line.chars().count() < 120), "{shown}");
    let at = shown.lines().find(|l| l.contains("HERE")).unwrap();
    let caret = shown.lines().find(|l| l.contains("^^^^")).unwrap();
    let column = |line: &str, what: &str| line[..line.find(what).unwrap()].chars().count();
    assert_eq!(column(at, "HERE"), column(caret, "^^^^"));
}

#[test]
fn sorted_counted_and_capped() {
    let mut sources = SourceMap::new();
    let file = sources.add("a.yaml", "a\nb\nc\n");
    let mut found = Diagnostics::new();
    for line in [3, 1, 2, 1] {
        let span = Span { file, line, column: 1, len: 1 };
        found.push(Diagnostic::error(codes::SYNTAX, span, format!("bad {line}")));
    }
    assert_eq!(found.error_count(), 3, "the same finding at the same place counts once");
    let lines: Vec<u32> = found.sorted().iter().map(|d| d.span.unwrap().line).collect();
    assert_eq!(lines, [1, 2, 3]);
    assert!(found.render(&sources, 1).ends_with("… and 2 more\n"));
}

#[test]
fn suggestions_forgive_small_slips_only() {
    let fields = ["livenessProbe", "readinessProbe", "cpu", "memory"];
    for (word, expected) in [
        ("livenesProbe", Some("livenessProbe")),
        ("LivenessProbe", Some("livenessProbe")),
        ("cpuu", Some("cpu")),
        ("memroy", Some("memory")),
        ("banana", None),
        ("x", None),
    ] {
        assert_eq!(did_you_mean(word, fields), expected, "{word}");
    }
}

#[test]
fn codes_are_unique_and_ascending() {
    let numbers: Vec<&str> = codes::ALL.iter().map(|(code, _)| *code).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
    assert!(codes::ALL.iter().all(|(_, text)| text.ends_with('.')));
}
