//! What people see: the terminal, the pictures, the page, the sample, and what documents quote.
//!
//! Quotations are held to the letter. `WAVETANK_UPDATE=1 cargo test cli::output` writes them anew:
//! the figures of the README, the list of metrics, the sample; look at the difference before
//! committing it.

use std::fs;
use std::path::Path;

use super::{files, root, wavetank};

/// Runs a command that must succeed; what it printed.
fn printed(dir: &Path, args: &[&str]) -> String {
    let output = wavetank(dir, &[], args);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {stderr}");
    assert_eq!(stderr, "", "{args:?} says something beside its answer");
    String::from_utf8(output.stdout).expect("text")
}

fn scenario(name: &str) -> String {
    root().join("scenarios").join(name).to_str().expect("a path of text").to_owned()
}

fn updating() -> bool {
    std::env::var_os("WAVETANK_UPDATE").is_some_and(|value| value == "1")
}

/// Holds the fenced block of `document` that follows `mark` to `fresh`.
fn held(document: &str, mark: &str, fresh: &str) {
    let path = root().join(document);
    let text = fs::read_to_string(&path).unwrap();
    let after = text.find(mark).unwrap_or_else(|| panic!("{document} has no {mark}")) + mark.len();
    let begin = after + text[after..].find("\n```").expect("a block begins") + 1;
    let begin = begin + text[begin..].find('\n').expect("a line ends") + 1;
    let end = begin + text[begin..].find("```").expect("a block ends");
    if updating() {
        fs::write(&path, format!("{}{fresh}{}", &text[..begin], &text[end..])).unwrap();
    } else if text[begin..end] != *fresh {
        let quoted = &text[begin..end];
        panic!("{document} no longer quotes the truth.\nquoted:\n{quoted}\ntoday:\n{fresh}");
    }
}

#[test]
fn the_readme_quotes_its_command_and_the_first_scenario() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["compare", &scenario("zone-outage.yaml"), "--detail", "none"];
    let text = printed(dir.path(), &args);
    held("README.md", "and prints", &text);
    // In the same test: both write to one file when they are updated.
    let text = fs::read_to_string(scenario("first.yaml")).unwrap();
    let body = &text[text.find("apiVersion").unwrap()..];
    held("README.md", "## Write a scenario", body);
}

#[test]
fn the_list_of_metrics_is_the_programs_own() {
    let dir = tempfile::tempdir().unwrap();
    held("docs/metrics.md", "## Every metric", &printed(dir.path(), &["policies", "metrics"]));
}

#[test]
fn shipped_scenarios_keep_their_promises() {
    let dir = tempfile::tempdir().unwrap();
    let mut seen = 0;
    for entry in fs::read_dir(root().join("scenarios")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            seen += 1;
            let text =
                printed(dir.path(), &["compare", path.to_str().unwrap(), "--detail", "none"]);
            for line in text.lines() {
                assert!(line.chars().count() <= 80, "wider than 80 columns: {line}");
            }
            assert!(!text.contains('\u{1b}'), "escape sequences where no terminal is");
        }
    }
    assert!(seen >= 5);
}

/// Folder of a small comparison with all its files.
fn small(dir: &Path) -> std::path::PathBuf {
    printed(dir, &["compare", &scenario("first.yaml"), "--replications", "5", "--out", "out"]);
    dir.join("out/first")
}

#[test]
fn the_sample_is_what_a_fresh_run_writes() {
    let dir = tempfile::tempdir().unwrap();
    let few = ["--replications", "5", "--detail", "none"];
    printed(dir.path(), &[&["compare", &scenario("first.yaml")], few.as_slice()].concat());
    printed(dir.path(), &["run", &scenario("first.yaml")]);
    let mut fresh = files(&dir.path().join("results/first"));
    // The same pictures as the drawings, and most of the size.
    fresh.retain(|(name, _)| name.extension().is_none_or(|extension| extension != "png"));
    let folder = root().join("results/sample");
    if updating() {
        let _ = fs::remove_dir_all(&folder);
        for (name, content) in &fresh {
            let file = folder.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
        }
    }
    let kept = files(&folder);
    let names = |list: &[(std::path::PathBuf, Vec<u8>)]| -> Vec<String> {
        list.iter().map(|(name, _)| name.display().to_string()).collect()
    };
    assert_eq!(names(&kept), names(&fresh));
    for ((name, kept), (_, fresh)) in kept.iter().zip(&fresh) {
        assert!(kept == fresh, "results/sample/{} is not what a run writes", name.display());
    }
    let size: usize = kept.iter().map(|(_, content)| content.len()).sum();
    assert!(size < 500_000, "the sample has {size} bytes");
    let described = fs::read_to_string(root().join("results/README.md")).unwrap();
    for (path, _) in &kept {
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(described.contains(name), "results/README.md does not speak of {name}");
    }
}

#[test]
fn tables_name_their_units() {
    let dir = tempfile::tempdir().unwrap();
    let table = fs::read_to_string(small(dir.path()).join("comparison.csv")).unwrap();
    let mut lines = csv::ReaderBuilder::new().has_headers(false).from_reader(table.as_bytes());
    let rows: Vec<csv::StringRecord> = lines.records().map(Result::unwrap).collect();
    let header: Vec<&str> = rows[0].iter().collect();
    assert_eq!(
        header.join(","),
        "metric,labels,unit,better,primary,policy,n,mean,sd,lo,hi,diff,diff_lo,diff_hi,p_adjusted,verdict"
    );
    assert!(rows.len() > 20, "{table}");
    for row in &rows[1..] {
        let (metric, unit) = (&row[0], &row[2]);
        let name = metric.trim_end_matches("_max");
        let expected = match name.rsplit_once('_').map_or("", |(_, end)| end) {
            "seconds" => "s",
            "ratio" => "ratio",
            _ if name.starts_with("cost_") => "currency",
            _ => "count",
        };
        assert_eq!(unit, expected, "{metric}");
    }
}

#[test]
fn pictures_are_sound_and_say_what_they_show() {
    let dir = tempfile::tempdir().unwrap();
    let (mut drawings, mut images) = (0, 0);
    for (name, content) in files(&small(dir.path())) {
        match name.extension().and_then(|extension| extension.to_str()) {
            Some("svg") => {
                drawings += 1;
                let text = String::from_utf8(content).unwrap();
                let tree = roxmltree::Document::parse(&text)
                    .unwrap_or_else(|error| panic!("{}: {error}", name.display()));
                let root = tree.root_element();
                let of = |tag| root.children().find(|node| node.has_tag_name((SVG, tag)));
                let title = of("title").and_then(|node| node.text()).unwrap_or("");
                assert!(title.ends_with('?'), "{}: {title}", name.display());
                let told = of("desc").and_then(|node| node.text()).unwrap_or("");
                assert!(told.contains("first"), "{}: {told}", name.display());
            }
            Some("png") => {
                images += 1;
                let decoder = png::Decoder::new(std::io::Cursor::new(content));
                let mut reader = decoder.read_info().unwrap();
                let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
                let info = reader.next_frame(&mut pixels).unwrap();
                assert_eq!(info.width, 1920, "{}", name.display());
                let ground = pixels[0];
                assert!(pixels.iter().any(|byte| *byte != ground), "{} is blank", name.display());
            }
            _ => {}
        }
    }
    assert_eq!((drawings, images), (18, 18));
}

const SVG: &str = "http://www.w3.org/2000/svg";

#[test]
fn the_page_answers_first_and_fetches_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut pages = 0;
    for (name, content) in files(&small(dir.path())) {
        if name.extension().is_none_or(|extension| extension != "html") {
            continue;
        }
        pages += 1;
        let page = String::from_utf8(content).unwrap();
        let outside = page.replace(SVG, "");
        for fetch in ["http:", "https:", "src=", "href=", "@import", "url(", "<script", "<link"] {
            assert!(!outside.contains(fetch), "{} contains {fetch}", name.display());
        }
        let at = |what: &str| {
            page.find(what).unwrap_or_else(|| panic!("{} lacks {what}", name.display()))
        };
        assert!(page.contains("<title>first"), "{}", name.display());
        let question = at("How long is a replica missing?");
        let answer = at(if page.contains("class=\"answers\"") {
            "class=\"answers\""
        } else {
            "class=\"numbers\""
        });
        assert!(at("<h1") < question && question < answer, "{}", name.display());
        assert!(answer < at("<svg") && answer < at("<table"), "{}", name.display());
    }
    assert_eq!(pages, 3);
}

#[test]
fn help_tells_a_stranger_how_commands_end() {
    let dir = tempfile::tempdir().unwrap();
    for verb in ["run", "compare", "plot", "validate"] {
        let text = printed(dir.path(), &[verb, "--help"]);
        for code in ["Exit codes", "0  fine", "1  ", "2  ", "3  "] {
            assert!(text.contains(code), "{verb} --help lacks {code}");
        }
    }
    for (verb, told) in [("run", "report.html to read"), ("compare", "meets the same storm")] {
        assert!(printed(dir.path(), &[verb, "--help"]).contains(told), "{verb} --help: {told}");
    }
    let text = printed(dir.path(), &["--help"]);
    let examples: Vec<&str> =
        text.lines().filter_map(|line| line.trim().strip_prefix("wavetank ")).collect();
    assert!(examples.len() >= 3, "{text}");
    for example in examples {
        let words = example.split("  ").next().unwrap().split(' ');
        let output = wavetank(dir.path(), &[], &words.collect::<Vec<_>>());
        assert!(output.status.success(), "{example}: {output:?}");
    }
}

#[test]
fn what_nobody_knows_is_an_error_of_input() {
    let dir = tempfile::tempdir().unwrap();
    let output = wavetank(dir.path(), &[], &["policies", "NodeResourceFit"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("NodeResourcesFit"), "{output:?}");
}
