use crate::flag::model::{Clause, Operator};

/// The segments of a clause, with the positions of their keys.
pub(in crate::flag) fn needed_segments(clause: &Clause) -> impl Iterator<Item = (usize, &str)> {
    let needs = matches!(
        clause.operator,
        Operator::InSegment | Operator::NotInSegment
    );
    let values = clause.values.iter().enumerate().filter(move |_| needs);
    values.filter_map(|(at, value)| Some((at, value.as_str()?)))
}
