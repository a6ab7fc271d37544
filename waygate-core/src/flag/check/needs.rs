use crate::flag::model::{Clause, Flag, Operator, Segment};

impl Flag {
    /// Returns the keys of the segments that the rules use. A key may come twice.
    pub fn needed_segments(&self) -> impl Iterator<Item = &str> {
        let clauses = self.rules.iter().flat_map(|rule| &rule.clauses);
        clauses.flat_map(needed_segments).map(|(_, key)| key)
    }
}

impl Segment {
    /// Returns the keys of the other segments that the rules use. A key may come twice.
    pub fn needed_segments(&self) -> impl Iterator<Item = &str> {
        let clauses = self.rules.iter().flat_map(|rule| &rule.clauses);
        clauses.flat_map(needed_segments).map(|(_, key)| key)
    }
}

/// The segments of a clause, with the positions of their keys.
pub(in crate::flag) fn needed_segments(clause: &Clause) -> impl Iterator<Item = (usize, &str)> {
    let needs = matches!(
        clause.operator,
        Operator::InSegment | Operator::NotInSegment
    );
    let values = clause.values.iter().enumerate().filter(move |_| needs);
    values.filter_map(|(at, value)| Some((at, value.as_str()?)))
}

/// The keys of the flags that a flag needs.
pub(in crate::flag) fn flag_needs(flag: &Flag) -> impl Iterator<Item = &str> {
    let needs = flag.prerequisites.iter();
    needs.map(|needed| needed.flag_key.as_str())
}
