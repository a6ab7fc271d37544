use std::collections::BTreeMap;

use serde_json::Value;

use super::expression::{Expression, Node};

/// Returns the places of `in` with a string before an attribute, each with what differs: flagd compares the elements of
/// a list as a whole, and `contains` their parts. Whether the attribute is a list is not known here.
pub(super) fn of_lists(node: &Node) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    add(node, &mut found);
    found
}

fn add(node: &Node, found: &mut BTreeMap<String, String>) {
    if let Expression::In([one, other]) = &node.expression
        && let (Expression::Literal(Value::String(part)), Expression::Attribute(name)) =
            (&one.expression, &other.expression)
    {
        let message = format!(
            "`contains` also matches a list with an element that has `{part}` as a part; if `{name}` is a list, use \
             `in`, which matches whole elements"
        );
        found.insert(node.pointer.clone(), message);
    }
    for child in node.children() {
        add(child, found);
    }
}
