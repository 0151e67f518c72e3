//! Both directions against the examples of RFC 7692, an inflater used in another way, and what means harm.

use std::io::{Read as _, Write as _};

use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use proptest::prelude::*;

use super::*;
use crate::close::TOO_BIG;

/// Inflates as a receiver does that knows nothing of how this module goes about it.
fn read(message: &[u8]) -> Vec<u8> {
    let stream = [message, &FLUSHED, &LAST].concat();
    let mut plain = Vec::new();
    DeflateDecoder::new(&stream[..]).read_to_end(&mut plain).unwrap();
    plain
}

/// A message that says its last block is over, as section 7.2.3.4 has it.
fn finished(plain: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    let mut deflated = encoder.finish().unwrap();
    deflated.push(0);
    deflated
}

#[test]
fn the_examples_of_the_rfc_inflate() {
    // Sections 7.2.3.1 to 7.2.3.6, without what needs the context of an earlier message.
    for (deflated, plain) in [
        (&[0xF2_u8, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00][..], &b"Hello"[..]),
        (&[0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00], b"Hello"),
        (&[0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00], b"Hello"),
        (&[0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00], b"Hello"),
        (&[0x00], b""),
        (&[], b""),
    ] {
        assert_eq!(inflate(deflated, 100).unwrap(), plain, "{deflated:02x?}");
    }
}

#[test]
fn what_is_cut_short_or_no_deflate_at_all_is_refused() {
    let whole = deflate(&b"All work and no play. ".repeat(100)).unwrap();
    for end in 1..whole.len() {
        let refused = inflate(&whole[..end], 10_000).unwrap_err();
        assert_eq!(refused.code, INVALID_PAYLOAD, "cut at {end}");
    }
    assert_eq!(inflate(&[0xFF; 20], 10_000).unwrap_err().code, INVALID_PAYLOAD);
    // The context of an earlier message, which was not agreed on (section 7.2.3.2).
    assert_eq!(inflate(&[0xF2, 0x00, 0x11, 0x00, 0x00], 100).unwrap_err().code, INVALID_PAYLOAD);
}

#[test]
fn a_bomb_costs_no_more_than_the_limit() {
    let bomb = finished(&vec![0; 50_000_000]);
    assert!(bomb.len() < 60_000);
    assert_eq!(inflate(&bomb, 1_000_000).unwrap_err().code, TOO_BIG);
    let exact = finished(&vec![0; 1_000_000]);
    let inflated = inflate(&exact, 1_000_000).unwrap();
    assert_eq!(inflated.len(), 1_000_000);
    assert!(inflated.capacity() <= 1_000_001);
    assert_eq!(inflate(&exact, 999_999).unwrap_err().code, TOO_BIG);
    assert_eq!(inflate(&finished(b"x"), 0).unwrap_err().code, TOO_BIG);
}

#[test]
fn a_message_ends_only_so_often() {
    let often = |times: usize| {
        let one = finished(b"again ");
        one[..one.len() - 1].repeat(times).into_iter().chain([0]).collect::<Vec<u8>>()
    };
    let ends = LAST_BLOCKS_MAX - 1;
    assert_eq!(inflate(&often(ends), 10_000).unwrap(), b"again ".repeat(ends));
    assert_eq!(inflate(&often(ends + 1), 10_000).unwrap_err().code, INVALID_PAYLOAD);
}

#[test]
fn only_what_gets_smaller_is_deflated() {
    let mut noise: u64 = 1;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (noise >> 56) as u8
    })
    .take(5_000)
    .collect();
    assert!(deflate(&noise).is_none());
    assert!(deflate(&[b'x'; DEFLATE_BYTES_MIN - 1]).is_none());
    assert!(deflate(&[b'x'; DEFLATE_BYTES_MIN]).is_some());
}

proptest! {
    #[test]
    fn what_one_head_and_one_tail_say_is_what_every_receiver_reads(
        head in prop::collection::vec(any::<u8>(), 1..40),
        words in prop::collection::vec("[a-z]{1,9}", 100..400),
    ) {
        let tail = words.join(" ").into_bytes();
        let deflated = deflate(&tail).unwrap();
        prop_assert!(deflated.len() < tail.len());
        let message = [&stored(head.len() as u16), &head[..], &deflated].concat();
        let plain = [&head[..], &tail].concat();
        prop_assert_eq!(&inflate(&message, plain.len()).unwrap(), &plain);
        prop_assert_eq!(read(&message), plain);
    }

    #[test]
    fn any_bytes_inflate_or_are_refused_within_the_limit(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(inflated) = inflate(&bytes, 1_000) {
            prop_assert!(inflated.len() <= 1_000);
        }
    }
}
