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
    pub(crate) inverted: bool,
    /// The result without the attribute.
    when_missing: bool,
    pub(crate) negate: bool,
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

    /// Returns whether the attribute satisfies the clause. Segments are not for it.
    pub(crate) fn holds(&self, value: Option<AttributeValue<'_>>) -> bool {
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
    CompiledClause {
        matcher: operands.matcher(),
        attribute: AttributePath::parse(&clause.attribute, python),
        kind: clause.context_kind.as_deref().map(Box::from),
        inverted,
        when_missing,
        negate: clause.negate,
        python,
    }
}

/// The operands of a clause. Those that its operator cannot use are reported and left out, so that they never match.
struct Operands<'a, 'p> {
    clause: &'a Clause,
    place: Place<'a>,
    python: bool,
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
                let text = value.as_str().ok_or("expected a text with a network")?;
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
                    let place = Place::Index(&self.place, at);
                    let message = message.to_string();
                    self.problems
                        .add(place, ProblemCode::InvalidOperand, message);
                }
            }
        }
        usable.into()
    }
}

fn text(value: &Value, python: bool) -> Result<Box<str>, String> {
    let mut buffer = Buffer::new();
    let text = buffer.text(value.into(), python);
    text.map(Box::from)
        .ok_or_else(|| format!("{value} is no text"))
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
            format!("invalid pattern: {}", last.trim_start_matches("error: "))
        }
    })
}
