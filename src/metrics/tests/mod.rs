//! Every metric against values computed by hand, and what must hold whatever happens.

pub(super) mod fixture;
mod probes;
mod recovery;
mod stories;
mod tables;
mod whatever;
