use std::fmt::Display;

use jiff::Timestamp;
use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::{
    attribute::AttributePath,
    matcher::{Matcher, Test},
    one_of::OneOf,
    options::CompileOptions,
};
use crate::{
    flag::{
        context::{AttributeValue, Context},
        key::SegmentKey,
        model::{Clause, Operator},
        operand::{Buffer, Number, Version, folded, moment},
        place::Place,
        problem::{ProblemCode, Problems},
    },
    grammar::parse_cidr,
};

/// A condition on an attribute.
#[derive(Debug)]
pub(crate) struct CompiledClause {
    pub(crate) matcher: Matcher,
    attribute: AttributePath,
    kind: Option<Box<str>>,
    /// Set by operators such as `is_not`.
    inverted: bool,
    /// The result without the attribute.
    when_missing: bool,
    negate: bool,
    /// An operand cannot be used, so the clause matches no context, whatever its negation.
    never: bool,
    python: bool,
}

impl CompiledClause {
    /// Returns the attribute that the clause compares.
    pub(crate) fn read<'c, C: Context + ?Sized>(
        &self,
        context: &'c C,
    ) -> Option<AttributeValue<'c>> {
        self.attribute.read(context, self.kind.as_deref())
    }

    /// Returns whether the clause matches if the context is a member of one of its segments.
    pub(crate) fn holds_for_member(&self, member: bool) -> bool {
        !self.never && (member != self.inverted) != self.negate
    }

    /// Returns whether a segment that does not exist, or needs itself, has no members.
    pub(crate) fn is_python(&self) -> bool {
        self.python
    }

    pub(crate) fn never_matches(&self) -> bool {
        self.never
    }

    /// Returns whether the attribute satisfies the clause. Segments are not for it.
    pub(crate) fn holds(&self, value: Option<AttributeValue<'_>>) -> bool {
        if self.never {
            return false;
        }
        let holds = match value {
            Some(value) => self.matcher.accepts(value, self.python) != self.inverted,
            None => self.when_missing,
        };
        holds != self.negate
    }
}

pub(crate) fn compile_clauses(
    clauses: &[Clause],
    around: &Place<'_>,
    options: CompileOptions,
    problems: &mut Problems,
) -> Box<[CompiledClause]> {
    let list = Place::Member(around, "clauses");
    let compile = |(at, clause)| {
        let place = Place::Index(&list, at);
        let values = Operands {
            clause,
            place: Place::Member(&place, "values"),
            python: options.is_python(),
            never: false,
            problems,
        };
        compile(values)
    };
    clauses.iter().enumerate().map(compile).collect()
}

fn compile(mut operands: Operands<'_, '_>) -> CompiledClause {
    let (clause, python) = (operands.clause, operands.python);
    let no_null = !clause.values.contains(&Value::Null);
    let (inverted, when_missing) = match clause.operator {
        Operator::IsNot | Operator::NotIn => (true, no_null),
        Operator::Ne | Operator::NotInCidr | Operator::IsNotSet => (true, true),
        Operator::NotContains
        | Operator::NotMatches
        | Operator::NotStartsWith
        | Operator::NotEndsWith
        | Operator::NotInSegment => (true, false),
        _ => (false, false),
    };
    let matcher = operands.matcher();
    operands.check_count();
    CompiledClause {
        matcher,
        never: operands.never,
        attribute: AttributePath::parse(&clause.attribute, python),
        kind: clause.context_kind.as_deref().map(Box::from),
        inverted,
        when_missing,
        negate: clause.negate,
        python,
    }
}

/// The operands of a clause. Those that its operator cannot use are reported and left out.
struct Operands<'a, 'p> {
    clause: &'a Clause,
    place: Place<'a>,
    python: bool,
    never: bool,
    problems: &'p mut Problems,
}

impl Operands<'_, '_> {
    fn matcher(&mut self) -> Matcher {
        let fold = self.clause.ignore_case;
        match self.clause.operator {
            Operator::Is | Operator::IsNot | Operator::In | Operator::NotIn => {
                Matcher::OneOf(OneOf::new(&self.clause.values, fold, self.python))
            }
            Operator::Contains | Operator::NotContains if fold => {
                Matcher::Regex(self.each(|value, python| {
                    let part = text(value, python)?;
                    pattern(&regex::escape(&part), true)
                }))
            }
            Operator::Contains | Operator::NotContains => Matcher::Contains(self.each(text)),
            Operator::StartsWith | Operator::NotStartsWith => Matcher::StartsWith {
                values: self.texts(fold),
                fold,
            },
            Operator::EndsWith | Operator::NotEndsWith => Matcher::EndsWith {
                values: self.texts(fold),
                fold,
            },
            Operator::Matches | Operator::NotMatches => {
                let compile = |value: &Value, python| pattern(&text(value, python)?, fold);
                Matcher::Regex(self.each(compile))
            }
            Operator::Gt => self.numbers(Test::Greater),
            Operator::Gte => self.numbers(Test::GreaterOrEqual),
            Operator::Lt => self.numbers(Test::Less),
            Operator::Lte => self.numbers(Test::LessOrEqual),
            Operator::Eq | Operator::Ne => self.numbers(Test::Equal),
            Operator::Before => self.moments(Test::Less),
            Operator::After => self.moments(Test::Greater),
            Operator::SemverEq => self.versions(Test::Equal),
            Operator::SemverLt => self.versions(Test::Less),
            Operator::SemverGt => self.versions(Test::Greater),
            Operator::SemverLte => self.versions(Test::LessOrEqual),
            Operator::SemverGte => self.versions(Test::GreaterOrEqual),
            Operator::InCidr | Operator::NotInCidr => Matcher::Cidr(self.each(|value, _| {
                let text = value.as_str().ok_or("expected a string with a network")?;
                parse_cidr(text).map_err(|invalid| invalid.to_string())
            })),
            Operator::IsSet | Operator::IsNotSet => Matcher::IsSet,
            Operator::InSegment | Operator::NotInSegment => {
                Matcher::Segments(self.each(|value, _| {
                    let text = value.as_str().ok_or("expected the key of a segment")?;
                    text.parse::<SegmentKey>()
                        .map_err(|invalid| invalid.to_string())
                }))
            }
        }
    }

    fn texts(&mut self, fold: bool) -> Box<[Box<str>]> {
        match fold {
            true => self.each(|value, python| text(value, python).map(|text| folded(&text))),
            false => self.each(text),
        }
    }

    fn numbers(&mut self, test: Test) -> Matcher {
        let number = |value: &Value, python| {
            Number::of(value.into(), python).ok_or_else(|| format!("{value} is no number"))
        };
        Matcher::Number {
            test,
            values: self.ordered(number),
        }
    }

    fn versions(&mut self, test: Test) -> Matcher {
        let version = |value: &Value, python| {
            let text = text(value, python)?;
            let version = Version::parse(&text).map(Version::into_owned);
            version.ok_or_else(|| format!("`{text}` is no version such as `1.2.3-rc.1`"))
        };
        Matcher::Version {
            test,
            values: self.ordered(version),
        }
    }

    fn moments(&mut self, test: Test) -> Matcher {
        if self.python {
            let moment = |value: &Value, python| {
                let text = text(value, python)?;
                Ok::<_, String>((moment(value.into(), false), text))
            };
            let values = self.ordered(moment);
            return Matcher::PythonMoment { test, values };
        }
        let moment = |value: &Value, _| -> Result<Timestamp, String> {
            moment(value.into(), true).ok_or_else(|| {
                format!(
                    "{value} is no point in time: use RFC 3339 such as `2030-01-01T04:00:00Z`, a day, or milliseconds \
                     since 1970"
                )
            })
        };
        Matcher::Moment {
            test,
            values: self.ordered(moment),
        }
    }

    /// A comparison needs operands.
    fn check_count(&mut self) {
        let unary = matches!(self.clause.operator, Operator::IsSet | Operator::IsNotSet);
        if self.clause.values.is_empty() && !unary {
            // Recorded evaluations of Python have such clauses.
            self.never |= !self.python;
            let message = format!("`{}` needs at least one value", self.clause.operator);
            self.problems
                .add(self.place, ProblemCode::InvalidOperand, message);
        }
    }

    /// The operands of a comparison by order, of which Python reads the first.
    fn ordered<T, E: Display>(&mut self, read: impl Fn(&Value, bool) -> Result<T, E>) -> Box<[T]> {
        let all = match self.python {
            true => 1,
            false => usize::MAX,
        };
        self.first(all, read)
    }

    fn each<T, E: Display>(&mut self, read: impl Fn(&Value, bool) -> Result<T, E>) -> Box<[T]> {
        self.first(usize::MAX, read)
    }

    fn first<T, E: Display>(
        &mut self,
        most: usize,
        read: impl Fn(&Value, bool) -> Result<T, E>,
    ) -> Box<[T]> {
        let mut usable = Vec::new();
        for (at, value) in self.clause.values.iter().enumerate().take(most) {
            match read(value, self.python) {
                Ok(operand) => usable.push(operand),
                Err(message) => {
                    let message = message.to_string();
                    self.never |= !self.python || !is_wrong_in_python(&message);
                    let place = Place::Index(&self.place, at);
                    self.problems
                        .add(place, ProblemCode::InvalidOperand, message);
                }
            }
        }
        usable.into()
    }
}

/// Returns whether Python refuses an operand, too. It leaves such an operand out of the clause; patterns that only this
/// engine refuses might match there.
fn is_wrong_in_python(message: &str) -> bool {
    let of_pattern = message.strip_prefix(INVALID_PATTERN);
    of_pattern.is_none_or(|mistake| {
        ["unclosed", "unopened", "repetition operator missing"]
            .iter()
            .any(|wrong| mistake.starts_with(wrong))
    })
}

const INVALID_PATTERN: &str = "invalid pattern: ";

fn text(value: &Value, python: bool) -> Result<Box<str>, String> {
    let mut buffer = Buffer::new();
    let text = buffer.text(value.into(), python);
    text.map(Box::from)
        .ok_or_else(|| format!("{value} is no string"))
}

/// Limits the memory of a compiled pattern, and of its automaton while it runs, in bytes.
const PATTERN_SIZE: usize = 1 << 20;
const PATTERN_BYTES: usize = 1_000;

fn pattern(text: &str, fold: bool) -> Result<Regex, String> {
    if text.len() > PATTERN_BYTES {
        return Err(format!(
            "the pattern has {} bytes; use at most {PATTERN_BYTES}",
            text.len()
        ));
    }
    let mut builder = RegexBuilder::new(text);
    builder
        .case_insensitive(fold)
        .size_limit(PATTERN_SIZE)
        .dfa_size_limit(PATTERN_SIZE);
    builder.build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => {
            "the pattern is too large; use smaller repetitions".to_owned()
        }
        // The message shows the place in several lines; the last one names the mistake.
        error => {
            let message = error.to_string();
            let last = message.lines().last().unwrap_or_default();
            let last = last.trim_start_matches("error: ");
            format!("{INVALID_PATTERN}{last}")
        }
    })
}
