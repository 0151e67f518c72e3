//! What lets somebody into a lobby: its password, its code, and the secret by which the game host knows a member.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use moothall_protocol::LobbyId;
use moothall_protocol::limits::LOBBY_CODE_LENGTH;
use ring::digest::{Context, SHA256};

use crate::Random;

/// Letters and digits that nobody takes for another one.
const CODE_LETTERS: &[u8; 30] = b"23456789ABCDEFGHJKMNPQRSTVWXYZ";

/// What is kept of a password: its hash together with the lobby's id, so that the same password looks different in another lobby.
///
/// A fast hash, because a lobby's password is known to all who are in it, lives as long as the lobby, and is guessed only as often as
/// `guesses.rs` lets.
pub(super) fn password_hash(lobby: LobbyId, password: &str) -> String {
    let mut context = Context::new(&SHA256);
    context.update(lobby.uuid().as_bytes());
    context.update(password.as_bytes());
    HEXLOWER.encode(context.finish().as_ref())
}

/// A code that nobody can foresee.
pub(super) fn new_code(random: &dyn Random) -> String {
    let count = CODE_LETTERS.len() as u8;
    let letter = |_| {
        // Of a byte what is beyond the last whole alphabet would come too often at its beginning.
        let most = u8::MAX - u8::MAX % count;
        let byte = std::iter::repeat_with(|| {
            let [byte] = random.bytes::<1>();
            byte
        })
        .find(|byte| *byte < most);
        CODE_LETTERS.get(usize::from(byte.unwrap_or_default() % count)).copied().map_or('2', char::from)
    };
    (0..LOBBY_CODE_LENGTH).map(letter).collect()
}

/// By which the game host knows a member.
pub(super) fn new_secret(random: &dyn Random) -> String {
    BASE64URL_NOPAD.encode(&random.bytes::<24>())
}
