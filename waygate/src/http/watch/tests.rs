use std::task::Waker;

use super::*;

static HANDLER: &str = "a handler";

fn wait(call: &mut Entered, passed: &mut Vec<u64>) -> (Poll<()>, Option<Call>) {
    let scope = Scope::enter(Watching::ANY);
    let polled = {
        let _passed = PassedScope::enter(passed);
        let mut cx = Context::from_waker(Waker::noop());
        Pin::new(call).poll(&mut cx)
    };
    (polled, scope.found())
}

#[test]
fn a_call_waits_for_as_many_others_as_there_are() {
    let mut last = Entered::new(&HANDLER);
    for _ in 0..2 * POLLS {
        let (mut first, mut passed) = (Entered::new(&HANDLER), Vec::new());
        let (polled, found) = wait(&mut first, &mut passed);
        assert!(polled.is_pending());
        passed.push(found.unwrap().number);
        assert!(wait(&mut last, &mut passed).0.is_pending());
        assert!(wait(&mut first, &mut passed).0.is_ready());
    }
}

#[test]
#[should_panic = "polled in a loop"]
fn a_call_does_not_wait_in_a_loop_of_its_own() {
    let mut call = Entered::new(&HANDLER);
    for _ in 0..POLLS {
        let _ = wait(&mut call, &mut Vec::new());
    }
}
