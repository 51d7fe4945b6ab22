//! Counting: units, fields, and the first difference.

use std::collections::BTreeMap;

use serde_json::Value;

/// How often a field was compared and agreed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FieldCount {
    /// Units in which one of the two sides has it.
    pub compared: u64,
    /// Units in which both say the same.
    pub agree: u64,
}

/// A field in which a unit differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Case.
    pub case: String,
    /// Unit within the case: `decision 3 (default/web-1)`.
    pub unit: String,
    /// Field.
    pub field: String,
    /// What wavetank has.
    pub ours: Value,
    /// What the recording has.
    pub theirs: Value,
}

/// The counts of a family or topic.
#[derive(Clone, Debug, Default)]
pub struct Agreement {
    /// Units recorded.
    pub units: u64,
    /// Units in which everything agrees.
    pub agree: u64,
    /// Counts by field.
    pub fields: BTreeMap<String, FieldCount>,
    /// All fields in which the first unit that differs does.
    pub first: Vec<Difference>,
    /// Why its units cannot be compared, if they cannot.
    pub unsupported: Option<&'static str>,
}

impl Agreement {
    /// Adds the counts of a case.
    pub(super) fn add(&mut self, tally: Tally) {
        let Tally { agreement, .. } = tally;
        self.units += agreement.units;
        self.agree += agreement.agree;
        for (field, count) in agreement.fields {
            let sum = self.fields.entry(field).or_default();
            sum.compared += count.compared;
            sum.agree += count.agree;
        }
        if self.first.is_empty() {
            self.first = agreement.first;
        }
        self.unsupported = self.unsupported.or(agreement.unsupported);
    }
}

/// The counts of one case while it is replayed.
#[derive(Clone, Debug)]
pub struct Tally {
    case: String,
    agreement: Agreement,
    /// The whole case differs, and with it each of its units.
    of_case: Vec<Difference>,
}

impl Tally {
    pub(super) fn new(case: &str) -> Self {
        let agreement = Agreement::default();
        Self { case: case.to_owned(), agreement, of_case: Vec::new() }
    }

    /// Counts units that cannot be compared.
    pub(super) fn unsupported(&mut self, units: usize, why: &'static str) {
        self.agreement.units += units as u64;
        self.agreement.unsupported = Some(why);
    }

    /// Compares a field of the case as a whole, before its units: if it differs, none of them
    /// agrees.
    pub(super) fn case_field(&mut self, field: &str, ours: &Value, theirs: &Value) {
        let difference = self.compare("the case", field, ours, theirs);
        self.of_case.extend(difference);
    }

    /// Counts a unit by its fields: name, what wavetank has, what the recording has. A field that
    /// neither has is not counted. Tells whether all agree.
    pub(super) fn unit(&mut self, unit: &str, fields: Vec<(String, Value, Value)>) -> bool {
        let mut differences = self.of_case.clone();
        for (field, ours, theirs) in fields {
            differences.extend(self.compare(unit, &field, &ours, &theirs));
        }
        self.agreement.units += 1;
        let agrees = differences.is_empty();
        if agrees {
            self.agreement.agree += 1;
        } else if self.agreement.first.is_empty() {
            self.agreement.first = differences;
        }
        agrees
    }

    /// Counts units that a difference before them makes meaningless: they do not agree.
    pub(super) fn lost(&mut self, units: usize) {
        self.agreement.units += units as u64;
    }

    /// The case could not be replayed to its end: of its `units` those not counted so far do not
    /// agree.
    pub(super) fn fail(&mut self, units: usize, why: &str) {
        let units = units as u64;
        if units <= self.agreement.units {
            return;
        }
        self.agreement.units = units;
        if self.agreement.first.is_empty() {
            self.agreement.first = vec![Difference {
                case: self.case.clone(),
                unit: "the case".to_owned(),
                field: "replay".to_owned(),
                ours: why.into(),
                theirs: Value::Null,
            }];
        }
    }

    fn compare(
        &mut self,
        unit: &str,
        field: &str,
        ours: &Value,
        theirs: &Value,
    ) -> Option<Difference> {
        if ours.is_null() && theirs.is_null() {
            return None;
        }
        let count = self.agreement.fields.entry(field.to_owned()).or_default();
        count.compared += 1;
        if ours == theirs {
            count.agree += 1;
            return None;
        }
        Some(Difference {
            case: self.case.clone(),
            unit: unit.to_owned(),
            field: field.to_owned(),
            ours: ours.clone(),
            theirs: theirs.clone(),
        })
    }

    /// The counts so far.
    #[must_use]
    pub fn agreement(&self) -> &Agreement {
        &self.agreement
    }
}
