//! `wavetank init`: a commented starter scenario.

use super::args::InitArgs;
use super::{Failure, say};

/// The starter; a test runs it.
pub(super) const STARTER: &str = include_str!("init.yaml");

/// Writes the starter scenario; never over a file that is there.
pub(super) fn init(args: &InitArgs) -> Result<(), Failure> {
    if args.file.as_os_str() == "-" {
        say(STARTER);
        return Ok(());
    }
    let failed = |error: std::io::Error| {
        Failure::Environment(format!("cannot write {}: {error}", args.file.display()))
    };
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&args.file)
        .map_err(failed)?;
    std::io::Write::write_all(&mut file, STARTER.as_bytes()).map_err(failed)?;
    say(&format!("wrote {0}; try: wavetank compare {0}\n", args.file.display()));
    Ok(())
}
