//! The command line: arguments in, exit codes out.
//!
//! Exit codes: 0 fine; 1 the environment failed (a file cannot be written, …); 2 the input is
//! wrong; 3 an expectation of the scenario does not hold, a recording differs, `lint` found an error,
//! or `--strict` found something.
//! Results go to standard output and to the results folder, diagnostics to standard error.

mod args;
mod compare;
mod conformance;
mod expect;
mod explain;
mod init;
mod lint;
mod load;
mod output;
mod plot;
mod policies;
mod run;
mod validate;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Verb};

/// Why a command did not succeed.
#[derive(Debug)]
enum Failure {
    /// Exit 1: said on standard error as it is.
    Environment(String),
    /// Exit 2: the diagnostics were printed already.
    Input,
    /// Exit 3: said on standard error as it is.
    Expectation(String),
}

impl From<crate::report::ReportError> for Failure {
    fn from(error: crate::report::ReportError) -> Self {
        Self::Environment(error.to_string())
    }
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.verb {
        Verb::Run(args) => run::run(&args),
        Verb::Compare(args) => compare::compare(&args),
        Verb::Plot(args) => plot::plot(&args),
        Verb::Validate(args) => validate::validate(&args),
        Verb::Lint(args) => lint::lint(&args),
        Verb::Policies(args) => policies::policies(&args),
        Verb::Explain(args) => explain::explain(&args),
        Verb::Conformance(args) => conformance::conformance(&args),
        Verb::Init(args) => init::init(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let (code, message) = match failure {
                Failure::Environment(message) => (1, message),
                Failure::Input => (2, String::new()),
                Failure::Expectation(message) => (3, message),
            };
            if !message.is_empty() {
                say_error(&message);
            }
            ExitCode::from(code)
        }
    }
}

/// Writes to standard output; a closed pipe is no error.
fn say(text: &str) {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    // A reader that has gone away wants no more: that is its right.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Writes one message to standard error.
fn say_error(text: &str) {
    use std::io::Write as _;
    let mut out = std::io::stderr().lock();
    let _ = writeln!(out, "{text}");
}
