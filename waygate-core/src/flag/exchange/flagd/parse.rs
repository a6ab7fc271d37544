use std::rc::Rc;

use serde_json::{Map, Value};

use super::expression::{Comparison, Expression, Node, Part, Precedence, Untranslatable};
use crate::similar::nearest;

/// Reads expressions of one flag.
pub(super) struct Parser<'a> {
    flag_key: &'a str,
    evaluators: &'a Map<String, Value>,
    /// The evaluators that are being read, to find cycles.
    open: Vec<&'a str>,
    depth: usize,
    nodes: usize,
    /// Whether the result depends on the flag.
    pub(super) reads_flag_key: bool,
}

/// Limits the levels of an expression, with its evaluators.
const MAX_DEPTH: usize = 100;
/// Limits the nodes of an expression; an evaluator counts wherever it is used.
const MAX_NODES: usize = 20_000;

type Read = Result<Node, Untranslatable>;

impl<'a> Parser<'a> {
    pub(super) fn new(flag_key: &'a str, evaluators: &'a Map<String, Value>) -> Self {
        Self {
            flag_key,
            evaluators,
            open: Vec::new(),
            depth: 0,
            nodes: 0,
            reads_flag_key: false,
        }
    }

    pub(super) fn parse(&mut self, value: &'a Value, pointer: &str) -> Read {
        self.nodes += 1;
        if self.depth >= MAX_DEPTH || self.nodes > MAX_NODES {
            let message = format!(
                "the expression is too large: at most {MAX_DEPTH} levels and {MAX_NODES} operations and values, with \
                 its evaluators"
            );
            return Err(wrong(pointer, None, message));
        }
        self.depth += 1;
        let node = self.node(value, pointer);
        self.depth -= 1;
        node
    }

    fn node(&mut self, value: &'a Value, pointer: &str) -> Read {
        let expression = match value {
            Value::Object(members) => {
                let mut entries = members.iter();
                match (entries.next(), entries.next()) {
                    (Some((operator, operands)), None) => {
                        return self.operation(operator, operands, pointer);
                    }
                    _ => {
                        let message = "expected an operation: an object with one member";
                        return Err(wrong(pointer, None, message));
                    }
                }
            }
            Value::Array(items) if items.iter().any(Value::is_object) => {
                let message = "a list of expressions; use a list of strings or numbers";
                return Err(wrong(pointer, None, message));
            }
            literal => Expression::Literal(literal.clone()),
        };
        Ok(Node {
            pointer: pointer.to_owned(),
            expression,
        })
    }

    fn operation(&mut self, operator: &'a str, operands: &'a Value, at: &str) -> Read {
        let below = format!("{at}/{}", operator.replace('~', "~0").replace('/', "~1"));
        let operation = Operation {
            operator,
            // A single operand needs no list.
            operands: match operands {
                Value::Array(operands) => operands,
                operand => std::slice::from_ref(operand),
            },
            listed: operands.is_array(),
            at,
            below,
        };
        let expression = match operator {
            "var" => self.variable(&operation)?,
            "if" | "?:" => return self.conditional(&operation),
            "and" => Expression::And(self.all(&operation)?),
            "or" => Expression::Or(self.all(&operation)?),
            "cat" => Expression::Cat(self.all(&operation)?),
            "!" => {
                let [node] = self.exactly(&operation)?;
                Expression::Not(node)
            }
            "!!" => {
                let [node] = self.exactly(&operation)?;
                Expression::Not(Box::new(Node {
                    pointer: at.to_owned(),
                    expression: Expression::Not(node),
                }))
            }
            "==" => self.compare(Comparison::Equal, &operation)?,
            "===" => self.compare(Comparison::StrictEqual, &operation)?,
            "!=" => self.compare(Comparison::NotEqual, &operation)?,
            "!==" => self.compare(Comparison::StrictNotEqual, &operation)?,
            "<" => self.ordered(Comparison::Less, &operation)?,
            "<=" => self.ordered(Comparison::LessOrEqual, &operation)?,
            ">" => self.compare(Comparison::Greater, &operation)?,
            ">=" => self.compare(Comparison::GreaterOrEqual, &operation)?,
            "in" => Expression::In(self.exactly(&operation)?),
            "starts_with" => Expression::StartsWith(self.exactly(&operation)?),
            "ends_with" => Expression::EndsWith(self.exactly(&operation)?),
            "sem_ver" => self.versions(&operation)?,
            "fractional" => self.fractional(&operation)?,
            "$ref" => self.reference(&operation)?,
            _ => return Err(operation.wrong("Waygate has no such operator")),
        };
        Ok(Node {
            pointer: at.to_owned(),
            expression,
        })
    }

    fn all(&mut self, operation: &Operation<'a, '_>) -> Result<Vec<Node>, Untranslatable> {
        let operands = operation.operands.iter().enumerate();
        operands
            .map(|(at, operand)| self.parse(operand, &operation.place(at)))
            .collect()
    }

    fn exactly<const N: usize>(
        &mut self,
        operation: &Operation<'a, '_>,
    ) -> Result<[Box<Node>; N], Untranslatable> {
        let nodes: Vec<Box<Node>> = self.all(operation)?.into_iter().map(Box::new).collect();
        let found = nodes.len();
        let message = || format!("expected {N} operands, found {found}");
        nodes.try_into().map_err(|_| operation.wrong(message()))
    }

    fn compare(
        &mut self,
        comparison: Comparison,
        operation: &Operation<'a, '_>,
    ) -> Result<Expression, Untranslatable> {
        Ok(Expression::Compare(comparison, self.exactly(operation)?))
    }

    /// Reads `a < b`, or `a < b < c`.
    fn ordered(
        &mut self,
        comparison: Comparison,
        operation: &Operation<'a, '_>,
    ) -> Result<Expression, Untranslatable> {
        if operation.operands.len() != 3 {
            return self.compare(comparison, operation);
        }
        let [low, middle, high] = self.exactly(operation)?;
        let pair = |operands| Node {
            pointer: operation.at.to_owned(),
            expression: Expression::Compare(comparison, operands),
        };
        let pairs = vec![pair([low, middle.clone()]), pair([middle, high])];
        Ok(Expression::And(pairs))
    }

    fn variable(&mut self, operation: &Operation<'a, '_>) -> Result<Expression, Untranslatable> {
        let name = match operation.operands {
            [Value::String(name)] | [Value::String(name), Value::Null] => name,
            [Value::String(_), _] => {
                let message = "a default for a missing attribute; test for it with `== null`";
                return Err(operation.wrong(message));
            }
            _ => return Err(operation.wrong("expected the name of an attribute")),
        };
        Ok(match name.as_str() {
            "" => return Err(operation.wrong("the whole context as a value")),
            "$flagd.flagKey" => {
                self.reads_flag_key = true;
                Expression::Literal(self.flag_key.into())
            }
            "$flagd.timestamp" => Expression::Timestamp,
            // References of clauses start with `/`.
            name if name.contains(['.', '/']) => {
                let name = name.replace('~', "~0").replace('/', "~1");
                Expression::Attribute(format!("/{}", name.replace('.', "/")))
            }
            name => Expression::Attribute(name.to_owned()),
        })
    }

    fn conditional(&mut self, operation: &Operation<'a, '_>) -> Read {
        let mut nodes = self.all(operation)?;
        let otherwise = match nodes.len() % 2 {
            1 => nodes.pop(),
            _ => None,
        };
        let otherwise = otherwise.unwrap_or_else(|| Node {
            pointer: operation.at.to_owned(),
            expression: Expression::Literal(Value::Null),
        });
        let mut nodes = nodes.into_iter();
        let mut pairs = Vec::new();
        while let (Some(condition), Some(result)) = (nodes.next(), nodes.next()) {
            pairs.push((condition, result));
        }
        Ok(match pairs.is_empty() {
            true => otherwise,
            false => Node {
                pointer: operation.at.to_owned(),
                expression: Expression::If(pairs, Box::new(otherwise)),
            },
        })
    }

    fn versions(&mut self, operation: &Operation<'a, '_>) -> Result<Expression, Untranslatable> {
        let [_, operator, _] = operation.operands else {
            return Err(operation.wrong("expected a version, an operator and a version"));
        };
        let precedence = match operator.as_str() {
            Some("=") => Precedence::Equal,
            Some("!=") => Precedence::NotEqual,
            Some("<") => Precedence::Less,
            Some("<=") => Precedence::LessOrEqual,
            Some(">") => Precedence::Greater,
            Some(">=") => Precedence::GreaterOrEqual,
            Some("^") => Precedence::SameMajor,
            Some("~") => Precedence::SameMinor,
            _ => {
                let message =
                    format!("{operator} is no operator of versions; use `= != < <= > >= ^ ~`");
                return Err(operation.wrong(message));
            }
        };
        let [one, _, other] = self.exactly(operation)?;
        Ok(Expression::SemVer(one, precedence, other))
    }

    fn fractional(&mut self, operation: &Operation<'a, '_>) -> Result<Expression, Untranslatable> {
        let mut operands = operation.operands.iter().enumerate().peekable();
        let by = match operands.next_if(|(_, operand)| !operand.is_array()) {
            Some((at, by)) => Some(Box::new(self.parse(by, &operation.place(at))?)),
            None => None,
        };
        let mut parts = Vec::new();
        for (at, operand) in operands {
            let place = operation.place(at);
            let (result, weight) = match operand.as_array().map(Vec::as_slice) {
                Some([result]) => (result, None),
                Some([result, weight]) => (result, Some(weight)),
                _ => {
                    let message = "expected a part: a list of a variant and a weight";
                    return Err(wrong(&place, Some(operation.operator), message));
                }
            };
            let weight = match weight {
                Some(weight) => self.parse(weight, &format!("{place}/1"))?,
                None => Node {
                    pointer: place.clone(),
                    expression: Expression::Literal(1.into()),
                },
            };
            parts.push(Part {
                result: self.parse(result, &format!("{place}/0"))?,
                weight,
            });
        }
        match parts.is_empty() {
            true => Err(operation.wrong("there is no part")),
            false => Ok(Expression::Fractional(by, parts)),
        }
    }

    fn reference(&mut self, operation: &Operation<'a, '_>) -> Result<Expression, Untranslatable> {
        let [Value::String(name)] = operation.operands else {
            return Err(operation.wrong("expected the name of an evaluator"));
        };
        let Some((name, value)) = self.evaluators.get_key_value(name) else {
            let names: Vec<&str> = self.evaluators.keys().map(String::as_str).collect();
            let help = nearest(name, &names).map(|meant| format!("; did you mean `{meant}`?"));
            let message = format!("there is no evaluator `{name}`{}", help.unwrap_or_default());
            return Err(operation.wrong(message));
        };
        if self.open.contains(&name.as_str()) {
            return Err(operation.wrong(format!("the evaluator `{name}` needs itself")));
        }
        self.open.push(name);
        let node = self.parse(value, &evaluator_pointer(name));
        self.open.pop();
        Ok(Expression::Evaluator(name.clone(), Rc::new(node?)))
    }
}

pub(super) fn evaluator_pointer(name: &str) -> String {
    format!(
        "/$evaluators/{}",
        name.replace('~', "~0").replace('/', "~1")
    )
}

struct Operation<'a, 'p> {
    operator: &'a str,
    operands: &'a [Value],
    listed: bool,
    at: &'p str,
    below: String,
}

impl Operation<'_, '_> {
    /// The place of an operand.
    fn place(&self, at: usize) -> String {
        match self.listed {
            true => format!("{}/{at}", self.below),
            false => self.below.clone(),
        }
    }

    fn wrong(&self, message: impl Into<String>) -> Untranslatable {
        wrong(self.at, Some(self.operator), message)
    }
}

fn wrong(pointer: &str, operator: Option<&str>, message: impl Into<String>) -> Untranslatable {
    Untranslatable {
        pointer: pointer.to_owned(),
        operator: operator.map(str::to_owned),
        message: message.into(),
    }
}
