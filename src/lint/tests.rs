//! Every rule on a fixture that trips it and on one that does not.
