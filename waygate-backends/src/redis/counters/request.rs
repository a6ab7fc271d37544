use redis::{Cmd, Value};
use smallvec::SmallVec;
use waygate_core::limit::Outcome;

use super::plan::Plan;

/// The charges of one request, in terms of Redis.
///
/// Ordered so that equal charges from the same counter are adjacent.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Request {
    asks: SmallVec<[Ask; 1]>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ask {
    what: What,
    name: String,
    limit: u64,
}

/// The parameters of a charge, apart from the counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct What {
    plan: Plan,
    cost: i64,
    enforced: bool,
    /// Another charge of the same request follows.
    more: bool,
}

impl What {
    fn text(&self) -> String {
        let text = self.plan.text(self.cost, self.enforced);
        if self.more { text + "+" } else { text }
    }
}

/// The reply of Redis to one request.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    Outcomes(Vec<Outcome>),
    /// The error text.
    Error(String),
}

impl Request {
    pub(super) fn new() -> Self {
        Self {
            asks: SmallVec::new(),
        }
    }

    /// Adds a charge: the name of its counter, its plan, and its limit.
    pub(super) fn add(&mut self, name: String, plan: Plan, cost: i64, enforced: bool, limit: u64) {
        if let Some(before) = self.asks.last_mut() {
            before.what.more = true;
        }
        let what = What {
            plan,
            cost,
            enforced,
            more: false,
        };
        self.asks.push(Ask { what, name, limit });
    }

    /// Adds the arguments of a script call for all requests, in their order.
    pub(super) fn arguments<'a>(
        requests: impl Iterator<Item = &'a Self> + Clone,
        command: &mut Cmd,
    ) {
        let asks = || requests.clone().flat_map(|request| &request.asks);
        command.arg(asks().count());
        for ask in asks() {
            command.arg(&ask.name);
        }
        // Most are equal to the previous one.
        let mut whats = asks().map(|ask| ask.what).peekable();
        let mut count = 0;
        while let Some(what) = whats.next() {
            count += 1;
            if whats.peek() != Some(&what) {
                command.arg(what.text()).arg(count);
                count = 0;
            }
        }
    }

    /// Parses the replies to the requests. Returns `None` if this cannot be a reply of the script.
    pub(super) fn answers<'a>(
        requests: impl Iterator<Item = &'a Self>,
        answer: &Value,
    ) -> Option<Vec<Answer>> {
        let Value::Array(results) = answer else {
            return None;
        };
        let mut results = results.iter();
        let answers = requests.map(|request| request.read(&mut results));
        let answers = answers.collect::<Option<Vec<_>>>()?;
        results.next().is_none().then_some(answers)
    }

    fn read<'a>(&self, results: &mut impl Iterator<Item = &'a Value>) -> Option<Answer> {
        let mut outcomes = Vec::with_capacity(self.asks.len());
        for ask in &self.asks {
            match results.next()? {
                Value::Int(remaining) => outcomes.push(outcome(*remaining, results, ask.limit)?),
                Value::BulkString(error) if outcomes.is_empty() => {
                    return Some(Answer::Error(String::from_utf8_lossy(error).into_owned()));
                }
                _ => return None,
            }
        }
        Some(Answer::Outcomes(outcomes))
    }
}

fn outcome<'a>(
    remaining: i64,
    results: &mut impl Iterator<Item = &'a Value>,
    limit: u64,
) -> Option<Outcome> {
    let mut nanos = || match results.next()? {
        Value::Int(microseconds) => Some(u64::try_from(*microseconds).ok()?.saturating_mul(1_000)),
        _ => None,
    };
    let allowed = remaining >= 0;
    let reset_after = nanos()?;
    // Refusals are encoded below -1, so that they need no flag.
    let remaining = if allowed { remaining } else { -1 - remaining };
    let remaining = u64::try_from(remaining).ok()?.min(limit);
    let outcome = Outcome::allowed(limit, remaining, reset_after);
    Some(match allowed {
        true => outcome,
        false => outcome.refused(nanos()?.max(1)),
    })
}
