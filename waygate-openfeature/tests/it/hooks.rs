//! Section 4: hooks.

use std::sync::Arc;

use serde_json::json;
use waygate_core::flag::{EvaluationContext, FlagType};
use waygate_openfeature::{
    ErrorCode, EvaluationDetails, EvaluationError, EvaluationOptions, Hook, HookContext, HookHints,
    Reason, Resolution, ValueRef, isolated,
};

use crate::support::{Fake, Log, with, with_flags};

/// Notes its stages, and fails or panics in some.
#[derive(Clone)]
struct Noting {
    name: &'static str,
    log: Log,
    fails_in: &'static [&'static str],
    panics_in: &'static [&'static str],
}

impl Noting {
    fn new(name: &'static str, log: &Log) -> Self {
        Self {
            name,
            log: log.clone(),
            fails_in: &[],
            panics_in: &[],
        }
    }

    fn note(&self, stage: &str) -> Result<(), EvaluationError> {
        self.log.add(format!("{stage} {}", self.name));
        assert!(!self.panics_in.contains(&stage), "a bug in {stage}");
        match self.fails_in.contains(&stage) {
            true => Err(EvaluationError::new(ErrorCode::InvalidContext).with_message("refused")),
            false => Ok(()),
        }
    }
}

impl Hook for Noting {
    fn before(
        &self,
        _: &mut HookContext<'_>,
        _: &HookHints,
    ) -> Result<Option<EvaluationContext>, EvaluationError> {
        self.note("before").map(|()| None)
    }

    fn after(
        &self,
        _: &mut HookContext<'_>,
        _: &EvaluationDetails<'_, ValueRef<'_>>,
        _: &HookHints,
    ) -> Result<(), EvaluationError> {
        self.note("after")
    }

    fn error(&self, _: &mut HookContext<'_>, error: &EvaluationError, _: &HookHints) {
        let _ = self.note("error");
        self.log.add(error.to_string());
    }

    fn finally(
        &self,
        _: &mut HookContext<'_>,
        details: &EvaluationDetails<'_, ValueRef<'_>>,
        _: &HookHints,
    ) {
        let _ = self.note("finally");
        let reason = details.reason.as_ref().map_or("-", Reason::as_str);
        self.log.add(format!("{:?} {reason}", details.value));
    }
}

fn failing() -> Fake {
    Fake {
        resolve: Box::new(|_| Err(EvaluationError::new(ErrorCode::ParseError))),
        ..Fake::default()
    }
}

fn stages(log: &Log) -> Vec<String> {
    const STAGES: [&str; 4] = ["before", "after", "error", "finally"];
    let is_stage = |line: &String| STAGES.iter().any(|stage| line.starts_with(stage));
    log.take().into_iter().filter(is_stage).collect()
}

#[test]
fn hooks_of_all_levels_run_in_order_and_back() {
    let log = Log::default();
    let (api, _) = with(Fake {
        hooks: vec![
            Arc::new(Noting::new("provider 1", &log)),
            Arc::new(Noting::new("provider 2", &log)),
        ],
        ..Fake::default()
    });
    let client = api.client();
    api.add_hooks([Noting::new("api 1", &log), Noting::new("api 2", &log)]);
    client.add_hook(Noting::new("client 1", &log));
    client.add_hooks([Noting::new("client 2", &log)]);
    let options = EvaluationOptions::default()
        .hook(Noting::new("call 1", &log))
        .hook(Noting::new("call 2", &log));
    assert!(client.with(&options).bool("x", false, None));
    let names = [
        "api 1",
        "api 2",
        "client 1",
        "client 2",
        "call 1",
        "call 2",
        "provider 1",
        "provider 2",
    ];
    let before = names.iter().map(|name| format!("before {name}"));
    let after = names.iter().rev().map(|name| format!("after {name}"));
    let finally = names.iter().rev().map(|name| format!("finally {name}"));
    let expected: Vec<String> = before.chain(after).chain(finally).collect();
    assert_eq!(stages(&log), expected);
    // The hooks of a call are for that call.
    client.bool("x", false, None);
    assert!(!stages(&log).contains(&"before call 1".to_owned()));
}

#[test]
fn hooks_are_appended_and_never_replaced() {
    let log = Log::default();
    let (api, _) = with(Fake::default());
    let client = api.client();
    for name in ["a", "b"] {
        api.add_hook(Noting::new(name, &log));
    }
    for name in ["c", "d"] {
        client.add_hook(Noting::new(name, &log));
    }
    client.bool("x", false, None);
    let before = stages(&log).into_iter().take(4).collect::<Vec<_>>();
    assert_eq!(before, ["before a", "before b", "before c", "before d"]);
}

#[test]
fn an_error_of_the_provider_runs_error_hooks_and_no_after() {
    let log = Log::default();
    let (api, _) = with(failing());
    api.add_hook(Noting::new("a", &log));
    api.add_hook(Noting::new("b", &log));
    assert!(api.client().bool("x", true, None));
    let expected = [
        "before a",
        "before b",
        "error b",
        "PARSE_ERROR",
        "error a",
        "PARSE_ERROR",
        "finally b",
        "Bool(true) ERROR",
        "finally a",
        "Bool(true) ERROR",
    ];
    assert_eq!(log.take(), expected);
}

#[test]
fn an_error_before_ends_the_evaluation_with_the_default() {
    let log = Log::default();
    let (api, provider) = with(Fake::default());
    let client = api.client();
    client.add_hook(Noting {
        fails_in: &["before"],
        ..Noting::new("a", &log)
    });
    client.add_hook(Noting::new("b", &log));
    let details = client.bool_details("x", false, None);
    assert_eq!(
        (details.value, details.reason),
        (false, Some(Reason::Error))
    );
    assert_eq!(details.error_code, Some(ErrorCode::InvalidContext));
    assert_eq!(details.error_message.as_deref(), Some("refused"));
    assert_eq!(
        stages(&log),
        ["before a", "error b", "error a", "finally b", "finally a"]
    );
    assert_eq!(
        provider
            .evaluations
            .load(std::sync::atomic::Ordering::SeqCst),
        0
    );
}

#[test]
fn an_error_after_ends_the_evaluation_with_the_default() {
    let log = Log::default();
    let (api, _) = with(Fake::default());
    let client = api.client();
    client.add_hook(Noting::new("a", &log));
    client.add_hook(Noting {
        fails_in: &["after"],
        ..Noting::new("b", &log)
    });
    let details = client.bool_details("x", false, None);
    assert_eq!(
        (details.value, details.error_code),
        (false, Some(ErrorCode::InvalidContext))
    );
    let expected = [
        "before a",
        "before b",
        "after b",
        "error b",
        "error a",
        "finally b",
        "finally a",
    ];
    assert_eq!(stages(&log), expected);
}

#[test]
fn a_panic_of_a_hook_is_an_error_of_its_stage() {
    for stage in ["before", "after"] {
        let log = Log::default();
        let (api, _) = with(Fake::default());
        let panicking = Noting::new("a", &log);
        let panics_in: &[_] = if stage == "before" {
            &["before"]
        } else {
            &["after"]
        };
        api.add_hook(Noting {
            panics_in,
            ..panicking
        });
        let details = api.client().bool_details("x", false, None);
        assert_eq!(
            (details.value, details.error_code),
            (false, Some(ErrorCode::General))
        );
        let message = format!("a hook panicked: a bug in {stage}");
        assert_eq!(details.error_message.as_deref(), Some(&*message));
        assert!(stages(&log).contains(&"finally a".to_owned()));
    }
}

#[test]
fn an_error_hook_that_panics_does_not_stop_others() {
    let log = Log::default();
    let (api, _) = with(failing());
    api.add_hook(Noting::new("a", &log));
    api.add_hook(Noting {
        panics_in: &["error"],
        ..Noting::new("b", &log)
    });
    assert!(api.client().bool("x", true, None));
    assert_eq!(
        stages(&log)[2..],
        ["error b", "error a", "finally b", "finally a"]
    );
}

#[test]
fn a_finally_hook_that_panics_does_not_stop_others() {
    let log = Log::default();
    let (api, _) = with(Fake::default());
    api.add_hook(Noting::new("a", &log));
    api.add_hook(Noting {
        panics_in: &["finally"],
        ..Noting::new("b", &log)
    });
    let details = api.client().bool_details("x", false, None);
    assert_eq!((details.value, details.error_code), (true, None));
    assert_eq!(stages(&log)[4..], ["finally b", "finally a"]);
}

#[test]
fn hooks_run_while_the_provider_is_not_ready() {
    let log = Log::default();
    let client = isolated::new().client();
    client.add_hook(Noting::new("a", &log));
    client.integer("x", 3, None);
    let error = "PROVIDER_NOT_READY: no provider is set for this client";
    assert_eq!(
        log.take(),
        [
            "before a",
            "error a",
            error,
            "finally a",
            "Integer(3) ERROR"
        ]
    );
}

#[test]
fn the_hook_context_describes_the_evaluation() {
    #[derive(Clone)]
    struct Checking(Log);
    impl Checking {
        fn check(&self, evaluation: &HookContext<'_>) {
            assert_eq!(evaluation.flag_key(), "x");
            assert_eq!(evaluation.flag_type(), FlagType::Boolean);
            assert_eq!(evaluation.default_value(), ValueRef::Bool(false));
            assert_eq!(evaluation.client_metadata().domain(), Some("search"));
            assert_eq!(evaluation.provider_metadata().name(), "fake");
            assert_eq!(evaluation.evaluation_context().targeting_key(), Some("u1"));
            self.0.add("checked");
        }
    }
    impl Hook for Checking {
        fn before(
            &self,
            evaluation: &mut HookContext<'_>,
            _: &HookHints,
        ) -> Result<Option<EvaluationContext>, EvaluationError> {
            self.check(evaluation);
            Ok(None)
        }

        fn after(
            &self,
            evaluation: &mut HookContext<'_>,
            details: &EvaluationDetails<'_, ValueRef<'_>>,
            _: &HookHints,
        ) -> Result<(), EvaluationError> {
            self.check(evaluation);
            assert_eq!(
                (details.flag_key, details.value),
                ("x", ValueRef::Bool(true))
            );
            assert_eq!(details.variant.as_deref(), Some("on"));
            Err(EvaluationError::general("and now an error"))
        }

        fn error(&self, evaluation: &mut HookContext<'_>, error: &EvaluationError, _: &HookHints) {
            self.check(evaluation);
            assert_eq!(error.message(), Some("and now an error"));
        }

        fn finally(
            &self,
            evaluation: &mut HookContext<'_>,
            details: &EvaluationDetails<'_, ValueRef<'_>>,
            _: &HookHints,
        ) {
            self.check(evaluation);
            assert_eq!(details.error_code, Some(ErrorCode::General));
        }
    }
    let log = Log::default();
    let (api, _) = with(Fake {
        resolve: Box::new(|_| Ok(Resolution::new(true).variant("on"))),
        ..Fake::default()
    });
    api.add_hook(Checking(log.clone()));
    let user = EvaluationContext::new("u1");
    api.client_for("search").bool("x", false, &user);
    assert_eq!(log.take(), ["checked"; 4]);
}

#[test]
fn hooks_see_values_and_defaults_of_each_type() {
    #[derive(Clone)]
    struct Types(Log);
    impl Hook for Types {
        fn after(
            &self,
            evaluation: &mut HookContext<'_>,
            details: &EvaluationDetails<'_, ValueRef<'_>>,
            _: &HookHints,
        ) -> Result<(), EvaluationError> {
            let (default, value) = (
                evaluation.default_value().to_json(),
                details.value.to_json(),
            );
            assert_eq!(details.value.value_type(), evaluation.flag_type());
            self.0
                .add(format!("{} {default} {value}", evaluation.flag_type()));
            Ok(())
        }
    }
    let log = Log::default();
    let (api, _) = with_flags();
    let client = api.client();
    client.add_hook(Types(log.clone()));
    client.bool("bool", false, None);
    client.integer("integer", 1, None);
    client.float("float", 0.1, None);
    client.string("string", "bye", None);
    client.object("object", &json!([]), None);
    let expected = [
        "boolean false true",
        "integer 1 10",
        "float 0.1 0.5",
        r#"string "bye" "hi""#,
        r#"json [] {"max":3}"#,
    ];
    assert_eq!(log.take(), expected);
}

#[test]
fn contexts_of_before_hooks_reach_later_ones_and_the_provider() {
    struct Adding(&'static str, Log);
    impl Hook for Adding {
        fn before(
            &self,
            evaluation: &mut HookContext<'_>,
            _: &HookHints,
        ) -> Result<Option<EvaluationContext>, EvaluationError> {
            let context = evaluation.evaluation_context();
            let mut names: Vec<&str> = context.attributes().map(|(name, _)| name).collect();
            names.sort_unstable();
            self.1.add(names.join(" "));
            let more = EvaluationContext::anonymous()
                .with(self.0, true)
                .with("last", self.0);
            Ok(Some(more))
        }
    }
    let log = Log::default();
    let (api, provider) = with(Fake::default());
    api.add_hooks([Adding("a", log.clone()), Adding("b", log.clone())]);
    let user = EvaluationContext::new("u1")
        .with("last", "call")
        .with("plan", "pro");
    api.client().bool("x", false, &user);
    assert_eq!(log.take(), ["last plan", "a last plan"]);
    let expected = user.with("a", true).with("b", true).with("last", "b");
    assert_eq!(provider.context(), expected);
}

#[test]
fn each_hook_has_data_of_its_own_through_the_stages() {
    #[derive(Clone)]
    struct Counting(Log);
    impl Counting {
        fn count(&self, evaluation: &mut HookContext<'_>) {
            let before = evaluation
                .data()
                .get::<Vec<u32>>("stages")
                .map_or(0, Vec::len);
            match evaluation.data_mut().get_mut::<Vec<u32>>("stages") {
                Some(stages) => stages.push(1),
                None => evaluation.data_mut().insert("stages", vec![1_u32]),
            }
            self.0.add(before.to_string());
        }
    }
    impl Hook for Counting {
        fn before(
            &self,
            evaluation: &mut HookContext<'_>,
            _: &HookHints,
        ) -> Result<Option<EvaluationContext>, EvaluationError> {
            self.count(evaluation);
            Ok(None)
        }

        fn error(&self, evaluation: &mut HookContext<'_>, _: &EvaluationError, _: &HookHints) {
            self.count(evaluation);
        }

        fn finally(
            &self,
            evaluation: &mut HookContext<'_>,
            _: &EvaluationDetails<'_, ValueRef<'_>>,
            _: &HookHints,
        ) {
            self.count(evaluation);
            assert!(evaluation.data().get::<String>("stages").is_none());
        }
    }
    let log = Log::default();
    let (api, _) = with(failing());
    // One instance, twice: the data differ all the same.
    let shared = Arc::new(Counting(log.clone()));
    api.add_hooks([shared.clone(), shared]);
    for _ in 0..2 {
        api.client().bool("x", false, None);
        assert_eq!(log.take(), ["0", "0", "1", "1", "2", "2"]);
    }
}

#[test]
fn hints_reach_all_stages_of_all_hooks() {
    #[derive(Clone)]
    struct Hinted(Log);
    impl Hinted {
        fn check(&self, hints: &HookHints) {
            assert_eq!(hints.get("structure"), Some(&json!({"a": [1]})));
            assert_eq!(hints.get("other"), None);
            self.0.add(
                hints
                    .iter()
                    .map(|(name, _)| name)
                    .collect::<Vec<_>>()
                    .join(" "),
            );
        }
    }
    impl Hook for Hinted {
        fn before(
            &self,
            _: &mut HookContext<'_>,
            hints: &HookHints,
        ) -> Result<Option<EvaluationContext>, EvaluationError> {
            self.check(hints);
            Ok(None)
        }

        fn after(
            &self,
            _: &mut HookContext<'_>,
            _: &EvaluationDetails<'_, ValueRef<'_>>,
            hints: &HookHints,
        ) -> Result<(), EvaluationError> {
            self.check(hints);
            Err(EvaluationError::general("on"))
        }

        fn error(&self, _: &mut HookContext<'_>, _: &EvaluationError, hints: &HookHints) {
            self.check(hints);
        }

        fn finally(
            &self,
            _: &mut HookContext<'_>,
            _: &EvaluationDetails<'_, ValueRef<'_>>,
            hints: &HookHints,
        ) {
            self.check(hints);
        }
    }
    let log = Log::default();
    let (api, _) = with(Fake::default());
    api.add_hook(Hinted(log.clone()));
    let options = EvaluationOptions::default()
        .hook(Hinted(log.clone()))
        .hint("structure", json!({"a": [1]}))
        .hint("bool", true)
        .hint("number", 1.5)
        .hint("text", "a")
        .hint("time", "2030-01-01T00:00:00Z");
    api.client().with(&options).bool("x", false, None);
    // Of the two hooks, only the last reaches `after`.
    assert_eq!(log.take(), ["bool number structure text time"; 7]);
}

#[test]
fn a_hook_may_have_any_one_stage() {
    struct None;
    impl Hook for None {}
    let (api, _) = with(Fake::default());
    api.add_hook(None);
    assert!(api.client().bool("x", false, Option::None));
}
