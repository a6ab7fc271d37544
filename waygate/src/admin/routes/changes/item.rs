//! One of several changes.

use serde_json::{Map, Value};
use waygate_core::{
    model::LimitScope,
    view::{AppliedChange, TokenScope},
};

use super::{body::ChangeAction, command::Command, members::take};
use crate::{
    Operator,
    admin::{state::AdminState, within::Within},
    auth::Principal,
    engine::Precondition,
    rest::{Problem, ProblemKind, kind_of, matching, meant},
};

/// A change of a request, or the problem with it.
pub(super) struct Item {
    /// The members that the change has, for the pointers of problems.
    names: Vec<String>,
    read: Result<Read, Problem>,
}

struct Read {
    action: ChangeAction,
    command: Command,
    expected: Option<Precondition>,
}

impl Item {
    /// Reads a change. Without `expects`, it must have an `if_match`.
    pub(super) fn read(
        state: &AdminState,
        principal: &Principal,
        change: Value,
        expects: bool,
    ) -> Self {
        let members = match change {
            Value::Object(members) => members,
            other => {
                let text = format!("expected an object, found {}", kind_of(&other));
                return Self {
                    names: Vec::new(),
                    read: Err(Problem::new(ProblemKind::InvalidBody, text)),
                };
            }
        };
        Self {
            names: members.keys().cloned().collect(),
            read: Read::new(state, principal, members, expects),
        }
    }

    /// Makes the change.
    pub(super) async fn run(&self, operator: &Operator) -> Result<AppliedChange, Problem> {
        let read = self.read.as_ref().map_err(Problem::clone)?;
        let mut operator = operator.clone();
        if let Some(expected) = &read.expected {
            operator = operator.expecting(expected.clone());
        }
        let warning = read.command.run(&operator).await?;
        Ok(AppliedChange {
            action: read.action.as_str().to_owned(),
            target: read.command.target(),
            warning,
        })
    }

    /// The place of a problem: the member that its text names, or the whole change.
    pub(super) fn pointer(&self, at: usize, text: &str) -> String {
        let whole = format!("/changes/{at}");
        let quoted = text.strip_prefix("unknown field `");
        let place = match quoted {
            Some(rest) => rest.split_once('`').map(|(name, _)| name),
            None => text.split_once(": ").map(|(place, _)| place),
        };
        let Some(place) = place else {
            return whole;
        };
        let parts = place
            .split(['.', '['])
            .map(|part| part.trim_end_matches(']'));
        let mut pointer = whole.clone();
        for (depth, part) in parts.enumerate() {
            if depth == 0 && !self.names.iter().any(|name| name == part) {
                return whole;
            }
            pointer.push('/');
            pointer.push_str(&part.replace('~', "~0").replace('/', "~1"));
        }
        pointer
    }
}

impl Read {
    fn new(
        state: &AdminState,
        principal: &Principal,
        mut members: Map<String, Value>,
        expects: bool,
    ) -> Result<Self, Problem> {
        let invalid = |text: String| Problem::new(ProblemKind::InvalidBody, text);
        let word = take(&mut members, "action")?
            .ok_or_else(|| invalid("action is required: the id of an operation".to_owned()))?;
        let action = ChangeAction::parse(&word).ok_or_else(|| {
            let hint = match meant(&word, ChangeAction::NAMES) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("expected one of `{}`", ChangeAction::NAMES.join("`, `")),
            };
            let shown: String = word.chars().take(64).collect();
            invalid(format!("action: unknown action `{shown}`: {hint}"))
        })?;
        let expected = take(&mut members, "if_match")?;
        let expected = expected.as_deref().map(matching).transpose();
        let expected = expected.map_err(|tags| invalid(format!("if_match: {tags}")))?;
        if expected.is_none() && !expects {
            let text =
                "This server takes changes only with `if_match`: the ETag of what you have seen.";
            return Err(Problem::new(ProblemKind::PreconditionRequired, text));
        }
        let command = Command::read(state, principal, action, members)?;
        let scope = command.scope();
        Within::of(principal, state).check_scope(Some(&scope))?;
        let is_shared = !matches!(scope, LimitScope::Route(_));
        if is_shared && !principal.scopes.contains(&TokenScope::WriteGlobal) {
            let text = format!("The token lacks the scope `{}`.", TokenScope::WriteGlobal);
            return Err(Problem::new(ProblemKind::InsufficientScope, text));
        }
        Ok(Self {
            action,
            command,
            expected,
        })
    }
}
