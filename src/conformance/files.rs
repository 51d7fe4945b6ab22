//! Recordings on disk: `.jsonl` and `.jsonl.gz`, one case a line.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Endings of files that may be recordings.
const ENDINGS: [&str; 2] = [".jsonl", ".jsonl.gz"];

/// Something that could not be read, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    path: PathBuf,
    /// Line and column from 1; absent where the file as a whole is meant.
    at: Option<(usize, usize)>,
    message: String,
}

impl Unreadable {
    fn file(path: &Path, message: impl fmt::Display) -> Self {
        Self { path: path.to_owned(), at: None, message: message.to_string() }
    }

    /// A line that is no JSON.
    pub(super) fn json(path: &Path, line: usize, error: &serde_json::Error) -> Self {
        let text = error.to_string();
        // The error counts lines of the text that it was given: there is one.
        let message = text.split(" at line ").next().unwrap_or(&text).to_owned();
        Self { path: path.to_owned(), at: Some((line, error.column())), message }
    }

    /// A case that cannot be understood.
    pub(super) fn case(path: &Path, line: usize, message: String) -> Self {
        Self { path: path.to_owned(), at: Some((line, 1)), message }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.path.display())?;
        if let Some((line, column)) = self.at {
            write!(f, "{line}:{column}:")?;
        }
        write!(f, " error: {}", self.message)
    }
}

/// The files that may be recordings among files and folders, folders by name and searched to the
/// bottom.
pub(super) fn recordings(paths: &[PathBuf]) -> (Vec<PathBuf>, Vec<Unreadable>) {
    let (mut files, mut missing) = (Vec::new(), Vec::new());
    for path in paths {
        collect(path, &mut files, &mut missing);
    }
    (files, missing)
}

fn collect(path: &Path, files: &mut Vec<PathBuf>, missing: &mut Vec<Unreadable>) {
    if !path.is_dir() {
        match std::fs::metadata(path) {
            Ok(_) if is_recording(path) => files.push(path.to_owned()),
            Ok(_) => {}
            Err(error) => missing.push(Unreadable::file(path, error)),
        }
        return;
    }
    let entries: std::io::Result<Vec<PathBuf>> = std::fs::read_dir(path)
        .and_then(|entries| entries.map(|entry| entry.map(|e| e.path())).collect());
    match entries {
        Ok(mut entries) => {
            entries.sort();
            for entry in entries {
                collect(&entry, files, missing);
            }
        }
        Err(error) => missing.push(Unreadable::file(path, error)),
    }
}

fn is_recording(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// The file's name without folder and ending.
pub(super) fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    ENDINGS.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(&name).to_owned()
}

/// The lines of a file that are not empty, with their numbers from 1.
pub(super) fn lines(path: &Path) -> Result<Vec<(usize, String)>, Unreadable> {
    let failed = |error| Unreadable::file(path, error);
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut text = String::new();
    if path.extension().is_some_and(|extension| extension == "gz") {
        flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text).map_err(failed)?;
    } else {
        std::io::BufReader::new(file).read_to_string(&mut text).map_err(failed)?;
    }
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    Ok(lines.map(|(number, line)| (number, line.to_owned())).collect())
}
