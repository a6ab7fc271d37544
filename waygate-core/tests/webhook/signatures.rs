use std::time::Duration;

use waygate_core::{
    Timestamp,
    webhook::{TOLERANCE, VerifyError, WebhookSecret, sign, verify},
};

const BODY: &[u8] = br#"{"type":"route.disabled"}"#;

fn secret(nth: u8) -> WebhookSecret {
    let text = format!("whsec_{}", base64(&[nth; 32]));
    text.parse().unwrap()
}

fn base64(bytes: &[u8]) -> String {
    <base64ct::Base64 as base64ct::Encoding>::encode_string(bytes)
}

fn now() -> Timestamp {
    Timestamp::from_second(Timestamp::now().as_second()).unwrap()
}

/// Verifies `BODY` with these headers.
fn check(
    secrets: &[WebhookSecret],
    id: &str,
    timestamp: &str,
    signature: &str,
) -> Result<(), VerifyError> {
    let header = |name: &str| {
        let value = match name {
            "webhook-id" => id,
            "webhook-timestamp" => timestamp,
            "webhook-signature" => signature,
            _ => return None,
        };
        (value != "absent").then(|| value.to_owned())
    };
    verify(secrets, header, BODY, now(), TOLERANCE)
}

#[test]
fn the_library_of_the_specification_accepts_our_signatures_and_we_accept_its() {
    for nth in 0..50 {
        let secret = secret(nth);
        let oracle = standardwebhooks::Webhook::new(&secret.expose()).unwrap();
        let body = format!("{{\"nth\":{nth},\"text\":\"{}\"}}", "ü".repeat(nth.into()));
        let (id, at) = (format!("msg_{nth}"), now().as_second());
        let ours = sign([&secret], &id, at, body.as_bytes());
        let mut headers = http::HeaderMap::new();
        headers.insert("webhook-id", id.parse().unwrap());
        headers.insert("webhook-timestamp", at.into());
        headers.insert("webhook-signature", ours.parse().unwrap());
        oracle.verify(body.as_bytes(), &headers).unwrap();
        assert!(oracle.verify(b"{}", &headers).is_err());
        assert_eq!(oracle.sign(&id, at, body.as_bytes()).unwrap(), ours);
    }
}

#[test]
fn each_wrong_part_has_its_error() {
    let (known, other) = (secret(1), secret(2));
    let at = now().as_second();
    let good = sign([&known], "msg_1", at, BODY);
    let known = [known];
    let text = at.to_string();
    assert_eq!(check(&known, "msg_1", &text, &good), Ok(()));
    for (id, timestamp, signature, error) in [
        ("absent", &*text, &*good, VerifyError::Missing("webhook-id")),
        (
            "msg_1",
            "absent",
            &good,
            VerifyError::Missing("webhook-timestamp"),
        ),
        (
            "msg_1",
            &text,
            "absent",
            VerifyError::Missing("webhook-signature"),
        ),
        ("", &text, &good, VerifyError::Malformed("webhook-id")),
        ("msg.1", &text, &good, VerifyError::Malformed("webhook-id")),
        (
            "msg_1",
            "today",
            &good,
            VerifyError::Malformed("webhook-timestamp"),
        ),
        (
            "msg_1",
            "-1",
            &good,
            VerifyError::Malformed("webhook-timestamp"),
        ),
        (
            "msg_1",
            "",
            &good,
            VerifyError::Malformed("webhook-timestamp"),
        ),
        (
            "msg_1",
            "99999999999999999999",
            &good,
            VerifyError::Malformed("webhook-timestamp"),
        ),
        ("msg_2", &text, &good, VerifyError::WrongSignature),
        ("msg_1", &text, "", VerifyError::WrongSignature),
        ("msg_1", &text, "v1,", VerifyError::WrongSignature),
        ("msg_1", &text, "v1,AAAA", VerifyError::WrongSignature),
        ("msg_1", &text, &good[3..], VerifyError::WrongSignature),
        (
            "msg_1",
            &text,
            &good.replace("v1,", "v2,"),
            VerifyError::WrongSignature,
        ),
        (
            "msg_1",
            &text,
            &good.replace("v1,", "v1a,"),
            VerifyError::WrongSignature,
        ),
    ] {
        assert_eq!(
            check(&known, id, timestamp, signature),
            Err(error),
            "{id} {timestamp} {signature}"
        );
    }
    let foreign = sign([&other], "msg_1", at, BODY);
    assert_eq!(
        check(&known, "msg_1", &text, &foreign),
        Err(VerifyError::WrongSignature)
    );
    assert_eq!(
        check(&[], "msg_1", &text, &good),
        Err(VerifyError::NoSecret)
    );
}

#[test]
fn during_a_rotation_either_secret_verifies() {
    let (old, new, third) = (secret(1), secret(2), secret(3));
    let at = now().as_second();
    let text = at.to_string();
    let both = sign([&new, &old], "msg_1", at, BODY);
    assert_eq!(both.split(' ').count(), 2);
    for known in [&old, &new] {
        assert_eq!(
            check(std::slice::from_ref(known), "msg_1", &text, &both),
            Ok(())
        );
    }
    assert!(check(std::slice::from_ref(&third), "msg_1", &text, &both).is_err());
    // The receiver knows both, and the sender only one.
    let one = sign([&old], "msg_1", at, BODY);
    assert_eq!(check(&[third, new, old], "msg_1", &text, &one), Ok(()));
    // A header of many signatures costs little.
    let many = format!("{}{both}", "v1,AAAA ".repeat(10_000));
    assert!(check(&[secret(1)], "msg_1", &text, &many).is_err());
}

#[test]
fn a_request_outside_the_tolerance_is_refused() {
    let known = [secret(1)];
    for (shift, expected) in [
        (0, Ok(())),
        (-300, Ok(())),
        (300, Ok(())),
        (-301, Err(VerifyError::TooOld(301))),
        (301, Err(VerifyError::TooNew(301))),
        (-86_400, Err(VerifyError::TooOld(86_400))),
    ] {
        let at = now().as_second() + shift;
        let signature = sign(&known, "msg_1", at, BODY);
        let header = |name: &str| {
            Some(match name {
                "webhook-id" => "msg_1".to_owned(),
                "webhook-timestamp" => at.to_string(),
                _ => signature.clone(),
            })
        };
        // The same second as above.
        let now = Timestamp::from_second(at - shift).unwrap();
        let found = verify(&known, header, BODY, now, Duration::from_secs(300));
        assert_eq!(found, expected, "{shift}");
    }
}

#[test]
fn secrets_have_24_to_64_bytes_and_are_never_shown() {
    for (len, fits) in [(0, false), (23, false), (24, true), (64, true), (65, false)] {
        let text = format!("whsec_{}", base64(&vec![7; len]));
        let parsed = text.parse::<WebhookSecret>();
        assert_eq!(parsed.is_ok(), fits, "{len}");
        if let Ok(secret) = parsed {
            assert_eq!(*secret.expose(), text);
            assert!(!format!("{secret:?}").contains(&base64(&[7; 3])));
        }
    }
    for wrong in [
        "",
        "whsec_",
        "whsec_!",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsk_AAAA",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
    ] {
        let error = wrong.parse::<WebhookSecret>().unwrap_err().to_string();
        assert!(wrong.len() < 8 || !error.contains(&wrong[6..]), "{error}");
    }
    let (one, other) = (
        WebhookSecret::generate().unwrap(),
        WebhookSecret::generate().unwrap(),
    );
    assert_ne!(one, other);
}

#[cfg(feature = "webhooks-ed25519")]
#[test]
fn a_key_pair_signs_and_its_public_half_verifies() {
    let private: WebhookSecret = format!("whsk_{}", base64(&[9; 32])).parse().unwrap();
    let public = private.public().unwrap();
    let at = now().as_second();
    let signature = sign([&private], "msg_1", at, BODY);
    assert!(signature.starts_with("v1a,"), "{signature}");
    for known in [&private, &public] {
        let known = std::slice::from_ref(known);
        assert_eq!(check(known, "msg_1", &at.to_string(), &signature), Ok(()));
        assert!(check(known, "msg_2", &at.to_string(), &signature).is_err());
    }
    assert_eq!(
        sign([&public], "msg_1", at, BODY),
        "",
        "a public key signs nothing"
    );
    let text = public.expose();
    assert!(text.starts_with("whpk_"));
    assert_eq!(text.parse::<WebhookSecret>().unwrap(), public);
    assert!(!public.can_sign() && private.can_sign());
    // RFC 8032, 7.1, test 1.
    let seed = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
    let known: WebhookSecret = format!("whsk_{seed}").parse().unwrap();
    let public = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    assert_eq!(*known.public().unwrap().expose(), public);
}
