//! Small models and snapshots for tests: nodes in zones, templates with requests and labels.
