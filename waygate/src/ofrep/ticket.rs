//! Tickets for event streams: an `EventSource` sends no headers, so its URL has a short-lived secret in place of the
//! token.

use base64ct::{Base64UrlUnpadded, Encoding};
use hmac_sha256::HMAC;
use waygate_core::Timestamp;

use super::token::{Digest, DigestId};

/// All tickets of one period are equal, so that clients keep their stream. A ticket is valid until the end of the next
/// period: 15 to 30 minutes.
const PERIOD: i64 = 15 * 60;
/// Distinguishes tickets from other texts that a token signs.
const DOMAIN: &[u8] = b"waygate ofrep ticket 1";
const PAYLOAD: usize = 24;
const SIGNED: usize = PAYLOAD + 32;

/// The permission to open an event stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    /// The token that it was issued for.
    pub(super) id: DigestId,
    /// The end, in Unix seconds.
    expires: i64,
    /// The configuration that the client has.
    pub(super) fingerprint: u64,
}

/// The period of tickets at this time. A tag that covers it makes clients fetch a new ticket in time.
pub(super) fn period(now: Timestamp) -> i64 {
    now.as_second().div_euclid(PERIOD)
}

impl Ticket {
    pub(super) fn new(id: DigestId, fingerprint: u64, now: Timestamp) -> Self {
        Self {
            id,
            expires: (period(now) + 2) * PERIOD,
            fingerprint,
        }
    }

    pub(super) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires <= now.as_second()
    }

    /// Signs the ticket with the digest of its token, which every process knows that knows the token.
    pub(super) fn sign(&self, digest: &Digest) -> String {
        let payload = self.payload();
        let mut signed = [0; SIGNED];
        signed[..PAYLOAD].copy_from_slice(&payload);
        signed[PAYLOAD..].copy_from_slice(&mac(&payload).with(digest));
        Base64UrlUnpadded::encode_string(&signed)
    }

    /// Reads a ticket. It is not verified yet: the digest of its token is found by its id.
    pub(super) fn read(text: &str) -> Option<(Self, Signature)> {
        let mut signed = [0; SIGNED];
        let bytes = Base64UrlUnpadded::decode(text, &mut signed).ok()?;
        let (id, rest) = bytes.split_first_chunk()?;
        let (expires, rest) = rest.split_first_chunk()?;
        let (fingerprint, rest) = rest.split_first_chunk()?;
        let ticket = Self {
            id: *id,
            expires: i64::from_be_bytes(*expires),
            fingerprint: u64::from_be_bytes(*fingerprint),
        };
        Some((ticket, Signature(rest.try_into().ok()?)))
    }

    /// Compares in constant time.
    pub(super) fn is_signed(&self, signature: &Signature, digest: &Digest) -> bool {
        mac(&self.payload()).verify(&signature.0, digest)
    }

    fn payload(&self) -> [u8; PAYLOAD] {
        let mut payload = [0; PAYLOAD];
        payload[..8].copy_from_slice(&self.id);
        payload[8..16].copy_from_slice(&self.expires.to_be_bytes());
        payload[16..].copy_from_slice(&self.fingerprint.to_be_bytes());
        payload
    }
}

/// The HMAC-SHA256 of a ticket.
pub(super) struct Signature([u8; 32]);

struct Mac<'a>(&'a [u8; PAYLOAD]);

fn mac(payload: &[u8; PAYLOAD]) -> Mac<'_> {
    Mac(payload)
}

impl Mac<'_> {
    fn text(&self) -> Vec<u8> {
        [DOMAIN, self.0].concat()
    }

    fn with(&self, digest: &Digest) -> [u8; 32] {
        HMAC::mac(self.text(), digest.key())
    }

    fn verify(&self, expected: &[u8; 32], digest: &Digest) -> bool {
        HMAC::verify(self.text(), digest.key(), expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_ticket_is_bound_to_its_token_and_to_every_byte() {
        let digest = Digest::of("srv_5a2f0f9e7c6d4b1a");
        let ticket = Ticket::new(digest.id(), 7, at(1_000));
        let text = ticket.sign(&digest);
        assert_eq!(text.len(), 75);
        let (read, signature) = Ticket::read(&text).unwrap();
        assert_eq!(read, ticket);
        assert!(read.is_signed(&signature, &digest));
        assert!(!read.is_signed(&signature, &Digest::of("another")));
        let bytes = Base64UrlUnpadded::decode_vec(&text).unwrap();
        for at in 0..bytes.len() {
            let mut forged = bytes.clone();
            forged[at] ^= 1;
            let text = Base64UrlUnpadded::encode_string(&forged);
            let (read, signature) = Ticket::read(&text).unwrap();
            assert!(!read.is_signed(&signature, &digest), "byte {at}");
        }
        for text in ["", "x", &text[1..], &format!("{text}A"), "ß"] {
            assert!(Ticket::read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn tickets_of_a_period_are_equal_and_outlive_it() {
        let id = Digest::of("srv_5a2f0f9e7c6d4b1a").id();
        let [first, last, next] =
            [0, PERIOD - 1, PERIOD].map(|second| Ticket::new(id, 0, at(second)));
        assert_eq!(first, last);
        assert_ne!(last, next);
        assert!(!last.is_expired(at(2 * PERIOD - 1)));
        assert!(last.is_expired(at(2 * PERIOD)));
    }
}
