//! The integration tests, one binary: what can only be tested on the whole repository or through
//! the public interface.

mod cli;
mod shop;
mod tidy;
