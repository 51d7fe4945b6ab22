//! Manifests from a file or a folder.

use std::path::{Path, PathBuf};

use super::{ManifestSet, read_text};
use crate::base::diag::{Diagnostics, SourceMap};
use crate::scenario::source::{Limits, LoadError, Rules, empty_file, load};

/// Deepest folder below the one named.
const FOLDERS_MAX: usize = 32;

/// Reads a file, or every file of a folder, into `set`. `name` is what is printed for `path`.
/// Returns the number of files read. A file of a folder may hold nothing.
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
    let metadata = std::fs::metadata(path).map_err(|source| failed(path, source))?;
    let is_folder = metadata.is_dir();
    let files =
        if is_folder { files_below(path, name)? } else { vec![(path.to_owned(), name.to_owned())] };
    for (path, name) in &files {
        let into = (&mut *sources, &mut *found);
        let Some(file) = load(path, name, &Limits::MANIFESTS, into)? else { continue };
        let text = sources.text(file);
        if !read_text((file, &text), rules, set, found) && !is_folder {
            found.push(empty_file((file, &text)));
        }
    }
    Ok(files.len())
}

/// Every `*.yaml`, `*.yml` and `*.json` below a folder in the order of their names, each with the
/// name that is printed for it; `name` is the folder's.
///
/// Links to folders are not followed, so that no circle of links can be.
///
/// # Errors
/// When the folder or one below it cannot be listed.
pub fn files_below(folder: &Path, name: &str) -> Result<Vec<(PathBuf, String)>, LoadError> {
    let mut files = Vec::new();
    collect(folder, name.trim_end_matches('/'), FOLDERS_MAX, &mut files)?;
    Ok(files)
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
