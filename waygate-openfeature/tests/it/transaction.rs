//! Section 3.3: the context of a transaction.

use std::{
    sync::{Arc, Mutex},
    thread,
};

use waygate_core::flag::EvaluationContext;
use waygate_openfeature::{ThreadContext, TransactionContextPropagator};

use crate::support::{Fake, with};

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Option<Arc<EvaluationContext>>>>);

impl TransactionContextPropagator for Kept {
    fn set(&self, context: EvaluationContext) {
        *self.0.lock().unwrap() = Some(Arc::new(context));
    }

    fn get(&self) -> Option<Arc<EvaluationContext>> {
        self.0.lock().unwrap().clone()
    }
}

#[test]
fn a_propagator_keeps_the_context_of_the_transaction() {
    let (api, provider) = with(Fake::default());
    // Without one, the context is dropped.
    api.set_transaction_context(EvaluationContext::new("lost"));
    let kept = Kept::default();
    api.set_transaction_context_propagator(kept.clone());
    let client = api.client();
    client.bool("x", false, None);
    assert_eq!(provider.context(), EvaluationContext::anonymous());
    api.set_transaction_context(EvaluationContext::new("u1"));
    assert_eq!(*kept.get().unwrap(), EvaluationContext::new("u1"));
    client.bool("x", false, None);
    assert_eq!(provider.context(), EvaluationContext::new("u1"));
}

#[test]
fn a_propagator_that_panics_has_no_context() {
    struct Broken;
    impl TransactionContextPropagator for Broken {
        fn set(&self, _: EvaluationContext) {}

        fn get(&self) -> Option<Arc<EvaluationContext>> {
            panic!("no storage")
        }
    }
    let (api, provider) = with(Fake::default());
    api.set_transaction_context_propagator(Broken);
    assert!(api.client().bool("x", false, &EvaluationContext::new("u1")));
    assert_eq!(provider.context(), EvaluationContext::new("u1"));
}

#[test]
fn each_thread_has_its_own() {
    let (api, provider) = with(Fake::default());
    api.set_transaction_context_propagator(ThreadContext::default());
    let client = api.client();
    api.set_transaction_context(EvaluationContext::new("here"));
    thread::scope(|scope| {
        scope.spawn(|| {
            client.bool("x", false, None);
            assert_eq!(provider.context().targeting_key(), None);
            api.set_transaction_context(EvaluationContext::new("there"));
            client.bool("x", false, None);
            assert_eq!(provider.context().targeting_key(), Some("there"));
        });
    });
    client.bool("x", false, None);
    assert_eq!(provider.context().targeting_key(), Some("here"));
}

#[cfg(feature = "tokio")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_task_has_its_own_wherever_it_runs() {
    use waygate_openfeature::{Resolution, TaskContext};

    let (api, provider) = with(Fake {
        resolve: Box::new(|request| {
            let key = request.context().targeting_key().unwrap_or("none");
            Ok(Resolution::new(true).variant(key))
        }),
        ..Fake::default()
    });
    api.set_transaction_context_propagator(TaskContext::default());
    let request = |user: String| {
        let client = api.client();
        let api = api.clone();
        async move {
            for round in 0..50 {
                tokio::task::yield_now().await;
                let own = TaskContext::default().get().unwrap();
                let expected = match round {
                    0..10 => user.clone(),
                    _ => format!("{user} again"),
                };
                assert_eq!(own.targeting_key(), Some(&*expected));
                let details = client.bool_details("x", false, None);
                assert_eq!(details.variant.as_deref(), Some(&*expected));
                if round == 9 {
                    api.set_transaction_context(EvaluationContext::new(format!("{user} again")));
                }
            }
        }
    };
    let requests = (0..8).map(|user| {
        let user = format!("u{user}");
        let context = EvaluationContext::new(user.clone());
        tokio::spawn(TaskContext::scope(context, request(user)))
    });
    for request in requests.collect::<Vec<_>>() {
        request.await.unwrap();
    }
    // Outside of a scope there is none.
    api.set_transaction_context(EvaluationContext::new("lost"));
    api.client().bool("x", false, None);
    assert_eq!(provider.context().targeting_key(), None);
}
