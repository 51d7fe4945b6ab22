//! Prints a diagnostic like a compiler: position, source line, caret, path, help.

use super::{Diagnostic, SourceMap, Span};

/// Columns of source shown of a long line.
const WINDOW_COLUMNS: usize = 100;
/// Columns kept before the caret when a long line is cut.
const LEAD_COLUMNS: usize = 40;

/// Appends the printed form of `diagnostic` to `out`.
pub(super) fn render(diagnostic: &Diagnostic, sources: &SourceMap, out: &mut String) {
    let severity = diagnostic.severity.word();
    let message = clean(&diagnostic.message);
    out.push_str(&format!("{severity}[{}]: {message}\n", diagnostic.code));
    let widest = diagnostic
        .related
        .iter()
        .map(|(span, _)| span.line)
        .chain(diagnostic.span.map(|span| span.line))
        .max()
        .unwrap_or(0);
    let gutter = widest.to_string().len();
    if let Some(span) = diagnostic.span {
        place(span, "-->", None, gutter, sources, out);
    }
    for (span, label) in &diagnostic.related {
        place(*span, ":::", Some(label), gutter, sources, out);
    }
    let margin = " ".repeat(gutter);
    if !diagnostic.path.is_empty() {
        out.push_str(&format!("{margin} = path: {}\n", clean(&diagnostic.path)));
    }
    if let Some(help) = &diagnostic.help {
        out.push_str(&format!("help: {}\n", clean(help)));
    }
}

fn place(
    span: Span,
    arrow: &str,
    label: Option<&str>,
    gutter: usize,
    sources: &SourceMap,
    out: &mut String,
) {
    let margin = " ".repeat(gutter);
    let name = clean(sources.name(span.file));
    let label = label.map_or_else(String::new, |text| format!(": {}", clean(text)));
    if span.line == 0 {
        out.push_str(&format!("{margin}{arrow} {name}{label}\n"));
        return;
    }
    out.push_str(&format!("{margin}{arrow} {name}:{}:{}{label}\n", span.line, span.column));
    let Some(line) = sources.line(span.file, span.line) else { return };
    let window = window(line, span);
    let number = span.line;
    out.push_str(&format!("{margin} |\n"));
    out.push_str(&format!("{number:>gutter$} | {}\n", window.text));
    let indent = " ".repeat(window.indent);
    out.push_str(&format!("{margin} | {indent}{}\n", "^".repeat(window.carets)));
}

struct Window {
    text: String,
    indent: usize,
    carets: usize,
}

/// The part of `line` around the span, tabs and control characters made visible.
fn window(line: &str, span: Span) -> Window {
    let start = (span.column.max(1) - 1) as usize;
    let end = start + span.len.max(1) as usize;
    let first = if start > LEAD_COLUMNS && line.chars().nth(WINDOW_COLUMNS).is_some() {
        start - LEAD_COLUMNS
    } else {
        0
    };
    let mut result = Window { text: String::new(), indent: 0, carets: 0 };
    if first > 0 {
        result.text.push('…');
        result.indent = 1;
    }
    let mut columns = 0;
    for (index, character) in line.chars().enumerate().skip(first) {
        if columns >= WINDOW_COLUMNS {
            result.text.push('…');
            break;
        }
        let (shown, width) = show(character);
        result.text.push_str(&shown);
        columns += width;
        if index < start {
            result.indent += width;
        } else if index < end {
            result.carets += width;
        }
    }
    result.carets = result.carets.max(1);
    result
}

/// What is printed for one character, and how many columns it takes.
fn show(character: char) -> (String, usize) {
    match character {
        '\t' => ("    ".to_owned(), 4),
        c if c.is_control() || is_invisible(c) => {
            let escaped: String = c.escape_unicode().collect();
            let width = escaped.len();
            (escaped, width)
        }
        c => (c.to_string(), columns(c)),
    }
}

/// Text with control and direction-changing characters escaped, for messages and names.
fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || is_invisible(character) {
            out.extend(character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    out
}

/// Zero-width and direction-changing characters, which would hide or reorder what is printed.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Terminal columns of a printable character: 0 for combining marks, 2 for East Asian wide ones.
const fn columns(c: char) -> usize {
    match c {
        '\u{300}'..='\u{36f}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}
