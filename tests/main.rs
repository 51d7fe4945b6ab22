//! The integration tests, one binary: what can only be tested on the whole repository or through
//! the public interface.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cli;
mod shop;
mod tidy;
