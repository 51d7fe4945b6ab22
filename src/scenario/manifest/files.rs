//! Manifests from a file or a folder.

use std::path::{Path, PathBuf};

use super::{ManifestSet, read_text};
use crate::base::diag::{Diagnostics, SourceMap};
use crate::scenario::source::{Limits, LoadError, Rules, load};

/// Deepest folder below the one named.
const FOLDERS_MAX: usize = 32;

/// Reads a file, or every `*.yaml`, `*.yml` and `*.json` below a folder in the order of their
/// names. `name` is what is printed for `path`. Returns the number of files read.
///
/// Links to folders are not followed, so that no circle of links can be.
///
/// # Errors
/// When the path or something below it cannot be opened or read.
pub fn read_path(
    path: &Path,
    name: &str,
    rules: Rules,
    set: &mut ManifestSet,
    (sources, found): (&mut SourceMap, &mut Diagnostics),
) -> Result<usize, LoadError> {
    let mut files = Vec::new();
    let metadata = std::fs::metadata(path).map_err(|source| failed(path, source))?;
    if metadata.is_dir() {
        collect(path, name.trim_end_matches('/'), FOLDERS_MAX, &mut files)?;
    } else {
        files.push((path.to_owned(), name.to_owned()));
    }
    for (path, name) in &files {
        let into = (&mut *sources, &mut *found);
        if let Some(file) = load(path, name, &Limits::MANIFESTS, rules, into)? {
            read_text((file, &sources.text(file)), rules, set, found);
        }
    }
    Ok(files.len())
}

fn failed(path: &Path, source: std::io::Error) -> LoadError {
    LoadError { path: path.to_owned(), source }
}

fn collect(
    folder: &Path,
    name: &str,
    levels: usize,
    files: &mut Vec<(PathBuf, String)>,
) -> Result<(), LoadError> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|source| failed(folder, source))? {
        let entry = entry.map_err(|source| failed(folder, source))?;
        entries.push((entry.file_name(), entry.path()));
    }
    entries.sort();
    for (file_name, path) in entries {
        let kind = std::fs::symlink_metadata(&path).map_err(|source| failed(&path, source))?;
        let name = format!("{name}/{}", file_name.to_string_lossy());
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        if kind.is_dir() {
            if levels > 0 {
                collect(&path, &name, levels - 1, files)?;
            }
        } else if matches!(extension, "yaml" | "yml" | "json") && path.is_file() {
            files.push((path, name));
        }
    }
    Ok(())
}
