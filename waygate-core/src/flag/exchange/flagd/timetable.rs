use std::collections::BTreeSet;

use super::{
    clauses::seconds,
    expression::{Expression, Node},
};

/// Returns the times at which a comparison with `$flagd.timestamp` can change its result, in seconds since 1970.
pub(super) fn times(node: &Node) -> BTreeSet<i64> {
    let mut times = BTreeSet::new();
    add(node, &mut times);
    times
}

fn add(node: &Node, times: &mut BTreeSet<i64>) {
    if let Expression::Compare(_, [one, other]) = &node.expression
        && let (Expression::Timestamp, Expression::Literal(limit))
        | (Expression::Literal(limit), Expression::Timestamp) =
            (&one.expression, &other.expression)
        && let Some(limit) = seconds(limit)
    {
        times.extend([limit, limit.saturating_add(1)]);
    }
    for child in node.children() {
        add(child, times);
    }
}
