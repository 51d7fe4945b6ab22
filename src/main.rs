//! The `wavetank` command: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    wavetank::cli::main()
}
