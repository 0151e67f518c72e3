//! Notes that moderators write for each other.

use moothall_protocol::UserId;
use moothall_protocol::limits::NOTES_OF_USER_MAX;
use moothall_protocol::moderation::{AddNote, Case, ModerationDeed, Note, NoteKind, PinNote};

use super::notify::{Ids, happened};
use super::{CASES, Error, store};
use crate::cx::{Cx, Tx};
use crate::{accounts, audit};

/// Writes a note on a user.
pub async fn add(cx: &Cx, input: AddNote) -> Result<Note, Error> {
    cx.require(CASES)?;
    if input.kind == NoteKind::Opinion && input.case_id.is_none() {
        return Err(
            crate::Error::field("/case_id", "required", "say on which case this is an opinion").into()
        );
    }
    let user = accounts::summary(cx, input.user_id).await?.id;
    cx.mutate(move |tx| {
        if let Some(case) = input.case_id {
            let case = store::find_case(tx, case)?.ok_or(crate::Error::NotFound)?;
            if case.target_id != user {
                return Err(Error::NotOfCase);
            }
        }
        let note = Note {
            case_id: input.case_id,
            is_pinned: input.is_pinned.unwrap_or_default(),
            ..blank(tx, user, input.kind, &input.text)
        };
        insert(tx, &note)?;
        audit::record(tx, audit::Entry::new("moderation.add_note").user(user).after(&note))?;
        Ok(note)
    })
    .await
}

fn blank(tx: &Tx<'_, '_>, user_id: UserId, kind: NoteKind, text: &str) -> Note {
    Note {
        id: tx.cx().new_id(),
        user_id,
        case_id: None,
        kind,
        text: text.to_owned(),
        is_pinned: false,
        author_id: tx.cx().user(),
        created_at: tx.now(),
    }
}

fn insert(tx: &mut Tx<'_, '_>, note: &Note) -> Result<(), Error> {
    if store::count_notes(tx, note.user_id)? >= NOTES_OF_USER_MAX {
        return Err(Error::TooManyNotes);
    }
    store::insert_note(tx, note)?;
    let ids = Ids { case: note.case_id, ..Ids::default() };
    happened(tx, ModerationDeed::Noted, note.user_id, ids);
    Ok(())
}

/// Notes something that was done with a case. What does not fit any more is in the audit log all the same.
pub(super) fn of_case(tx: &mut Tx<'_, '_>, case: &Case, kind: NoteKind, text: &str) -> Result<(), Error> {
    let note = Note { case_id: Some(case.id), ..blank(tx, case.target_id, kind, text) };
    match insert(tx, &note) {
        Err(Error::TooManyNotes) => Ok(()),
        inserted => inserted,
    }
}

/// Pins a note, or no longer.
pub async fn pin(cx: &Cx, input: PinNote) -> Result<Note, Error> {
    cx.require(CASES)?;
    cx.mutate(move |tx| {
        let note = store::pin_note(tx, input.note_id, input.is_pinned)?.ok_or(crate::Error::NotFound)?;
        audit::record(tx, audit::Entry::new("moderation.pin_note").user(note.user_id).after(&note))?;
        Ok(note)
    })
    .await
}
