use std::rc::Rc;

use serde_json::Value;

/// An expression of JSONLogic, with its place in the document.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) pointer: String,
    pub(super) expression: Expression,
}

#[derive(Debug, Clone)]
pub(super) enum Expression {
    /// A string, a number, a boolean, `null`, or a list of these.
    Literal(Value),
    /// An attribute, in the form of a clause.
    Attribute(String),
    /// `$flagd.timestamp`: the time of the evaluation, in seconds since 1970.
    Timestamp,
    /// Conditions with their results, and the result without a match.
    If(Vec<(Node, Node)>, Box<Node>),
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Compare(Comparison, [Box<Node>; 2]),
    /// Whether the first is a part of the second.
    In([Box<Node>; 2]),
    StartsWith([Box<Node>; 2]),
    EndsWith([Box<Node>; 2]),
    SemVer(Box<Node>, Precedence, Box<Node>),
    Cat(Vec<Node>),
    /// The value with the bucket, unless it is the key of the context, and the parts.
    Fractional(Option<Box<Node>>, Vec<Part>),
    /// One of `$evaluators`, by name.
    Evaluator(String, Rc<Node>),
}

/// A part of `fractional`.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) result: Node,
    pub(super) weight: Node,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    StrictEqual,
    NotEqual,
    StrictNotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::StrictEqual => "===",
            Self::NotEqual => "!=",
            Self::StrictNotEqual => "!==",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// Returns the comparison with its operands in the other order.
    pub(super) const fn flipped(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            same => same,
        }
    }
}

/// An operator of `sem_ver`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Precedence {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// `^`
    SameMajor,
    /// `~`
    SameMinor,
}

impl Node {
    /// Returns the operator, for messages.
    pub(super) fn operator(&self) -> Option<&'static str> {
        Some(match &self.expression {
            Expression::Literal(_) => return None,
            Expression::Attribute(_) | Expression::Timestamp => "var",
            Expression::If(..) => "if",
            Expression::And(_) => "and",
            Expression::Or(_) => "or",
            Expression::Not(_) => "!",
            Expression::Compare(comparison, _) => comparison.as_str(),
            Expression::In(_) => "in",
            Expression::StartsWith(_) => "starts_with",
            Expression::EndsWith(_) => "ends_with",
            Expression::SemVer(..) => "sem_ver",
            Expression::Cat(_) => "cat",
            Expression::Fractional(..) => "fractional",
            Expression::Evaluator(..) => "$ref",
        })
    }

    /// Returns why this node has no equivalent.
    pub(super) fn untranslatable(&self, message: impl Into<String>) -> Untranslatable {
        Untranslatable {
            pointer: self.pointer.clone(),
            operator: self.operator().map(str::to_owned),
            message: message.into(),
        }
    }

    /// Returns the expression itself, not the name of an evaluator.
    pub(super) fn resolved(&self) -> &Self {
        match &self.expression {
            Expression::Evaluator(_, node) => node.resolved(),
            _ => self,
        }
    }

    /// Returns the nodes right below.
    pub(super) fn children(&self) -> Vec<&Self> {
        match &self.expression {
            Expression::Literal(_) | Expression::Attribute(_) | Expression::Timestamp => Vec::new(),
            Expression::If(pairs, otherwise) => {
                let pairs = pairs
                    .iter()
                    .flat_map(|(condition, result)| [condition, result]);
                pairs.chain([&**otherwise]).collect()
            }
            Expression::And(nodes) | Expression::Or(nodes) | Expression::Cat(nodes) => {
                nodes.iter().collect()
            }
            Expression::Not(node) => vec![node],
            Expression::Compare(_, nodes)
            | Expression::In(nodes)
            | Expression::StartsWith(nodes)
            | Expression::EndsWith(nodes) => nodes.iter().map(|node| &**node).collect(),
            Expression::SemVer(one, _, other) => vec![one, other],
            Expression::Fractional(by, parts) => {
                let parts = parts.iter().flat_map(|part| [&part.result, &part.weight]);
                by.iter().map(|by| &**by).chain(parts).collect()
            }
            Expression::Evaluator(_, node) => vec![node],
        }
    }

    /// Returns whether the result depends on the time.
    pub(super) fn reads_time(&self) -> bool {
        matches!(self.expression, Expression::Timestamp)
            || self.children().into_iter().any(Self::reads_time)
    }
}

/// Why an expression has no equivalent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Untranslatable {
    pub(super) pointer: String,
    pub(super) operator: Option<String>,
    pub(super) message: String,
}
