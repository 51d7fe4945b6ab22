//! Files to texts: size and encoding are checked before anything is parsed.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::Limits;
use crate::base::diag::{Diagnostic, Diagnostics, FileId, SourceMap, Span, codes};

/// The environment refused to hand over a file.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}: {source}", path.display())]
pub struct LoadError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: std::io::Error,
}

/// Reads a file into `sources` under the name to be printed.
///
/// `Ok(None)` means that the file is there but unusable; `found` then says why.
///
/// # Errors
/// When the file cannot be opened or read.
pub fn load(
    path: &Path,
    name: &str,
    limits: &Limits,
    (sources, found): (&mut SourceMap, &mut Diagnostics),
) -> Result<Option<FileId>, LoadError> {
    let failed = |source| LoadError { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    let mut bytes = Vec::new();
    if size <= limits.bytes_max {
        // One byte more than allowed, since a pipe or a growing file has no honest size.
        file.take(limits.bytes_max + 1).read_to_end(&mut bytes).map_err(failed)?;
    }
    let size = size.max(bytes.len() as u64);
    if size > limits.bytes_max {
        found.push(too_large(sources.add(name, ""), size, limits));
        return Ok(None);
    }
    Ok(text_of(name, bytes, (sources, found)))
}

/// The finding that a file has more bytes than are read of its kind.
#[must_use]
pub fn too_large(file: FileId, size: u64, limits: &Limits) -> Diagnostic {
    let (megabytes, most) = (size.div_ceil(1_000_000), limits.bytes_max / 1_000_000);
    let message = format!("the file has {megabytes} MB; at most {most} MB are read");
    let help = if limits == &Limits::OURS {
        "manifests belong in files of their own, named in `manifests:`"
    } else {
        "split it into several files of a folder"
    };
    Diagnostic::error(codes::FILE_TOO_LARGE, Span::of_file(file), message).help(help)
}

/// Registers bytes as a text, or says why they are none.
pub fn text_of(
    name: &str,
    bytes: Vec<u8>,
    (sources, found): (&mut SourceMap, &mut Diagnostics),
) -> Option<FileId> {
    let problem = match bytes.as_slice() {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("the file is UTF-16"),
        bytes if bytes.contains(&0) => Some("the file is binary (it holds a zero byte)"),
        _ => None,
    };
    if let Some(message) = problem {
        let id = sources.add(name, "");
        found.push(
            Diagnostic::error(codes::NOT_TEXT, Span::of_file(id), message)
                .help("save it as UTF-8 text"),
        );
        return None;
    }
    match String::from_utf8(bytes) {
        Ok(text) => Some(sources.add(name, text)),
        Err(error) => {
            let good = error.utf8_error().valid_up_to();
            let bytes = error.into_bytes();
            let before = String::from_utf8_lossy(&bytes[..good]).into_owned();
            let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            let line = narrow(before.matches('\n').count() + 1);
            let column = narrow(before.chars().rev().take_while(|c| *c != '\n').count() + 1);
            let byte = bytes[good];
            let id = sources.add(name, String::from_utf8_lossy(&bytes).into_owned());
            let span = Span { file: id, line, column, len: 1 };
            let message = format!("the file is not UTF-8: byte 0x{byte:02x}");
            let finding = Diagnostic::error(codes::NOT_TEXT, span, message);
            found.push(finding.help("save it as UTF-8 text"));
            None
        }
    }
}
