//! Notes that moderators write for each other.

use moothall_protocol::limits::{NOTES_OF_USER_MAX, PAGE_ITEMS_DEFAULT};
use moothall_protocol::moderation::{AddNote, Case, ListNotes, ModerationDeed, Note, NoteKind, PinNote};
use moothall_protocol::{Cursor, NoteId, Page, UserId};
use uuid::Uuid;

use super::files::refuse_oneself;
use super::notify::{Ids, happened};
use super::{CASES, Error, cases, store};
use crate::cx::{Cx, Tx};
use crate::{accounts, audit};

/// Writes a note on a user.
pub async fn add(cx: &Cx, input: AddNote) -> Result<Note, Error> {
    cx.require(CASES)?;
    match input.kind {
        NoteKind::Opinion if input.case_id.is_none() => {
            let message = "say on which case this is an opinion";
            return Err(crate::Error::field("/case_id", "required", message).into());
        }
        NoteKind::Question => {
            let message = "ask with `moderation.ask_second_opinion`";
            return Err(crate::Error::field("/kind", "invalid", message).into());
        }
        _ => {}
    }
    let user = accounts::summary(cx, input.user_id).await?.id;
    cx.mutate(move |tx| {
        refuse_oneself(tx, user)?;
        if store::count_notes(tx, user)? >= NOTES_OF_USER_MAX {
            return Err(Error::TooManyNotes);
        }
        let case = match input.case_id {
            Some(id) => Some(store::find_case(tx, id)?.ok_or(crate::Error::NotFound)?),
            None => None,
        };
        if case.as_ref().is_some_and(|case| case.target_id != user) {
            return Err(Error::NotOfCase);
        }
        let note = Note {
            case_id: input.case_id,
            is_pinned: input.is_pinned.unwrap_or_default(),
            ..blank(tx, user, input.kind, &input.text)
        };
        insert(tx, &note)?;
        audit::record(tx, audit::Entry::new("moderation.add_note").user(user).after(&note))?;
        if let Some(case) = case.filter(|_| note.kind == NoteKind::Opinion) {
            cases::answered(tx, case)?;
        }
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
    store::insert_note(tx, note)?;
    let ids = Ids { case: note.case_id, ..Ids::default() };
    Ok(happened(tx, ModerationDeed::Noted, note.user_id, ids)?)
}

/// Notes something that was done with a case, however many notes there are.
pub(super) fn of_case(tx: &mut Tx<'_, '_>, case: &Case, kind: NoteKind, text: &str) -> Result<(), Error> {
    let note = Note { case_id: Some(case.id), ..blank(tx, case.target_id, kind, text) };
    insert(tx, &note)
}

/// Lists the notes on a user. The look is audited.
pub async fn list(cx: &Cx, input: ListNotes) -> Result<Page<Note>, Error> {
    cx.require(CASES)?;
    let before = match &input.cursor {
        Some(cursor) => cursor.key().ok_or_else(crate::Error::wrong_cursor)?,
        None => NoteId::from_uuid(Uuid::max()),
    };
    let limit = input.limit.unwrap_or(PAGE_ITEMS_DEFAULT);
    cx.write(move |tx| {
        refuse_oneself(tx, input.user_id)?;
        audit::record(tx, audit::Entry::new("moderation.list_notes").user(input.user_id))?;
        let rows = store::notes_before(tx, input.user_id, before, limit + 1)?;
        Ok(Page::cut(rows, limit, |last| Cursor::of(&last.id)))
    })
    .await
}

/// Pins a note, or no longer.
pub async fn pin(cx: &Cx, input: PinNote) -> Result<Note, Error> {
    cx.require(CASES)?;
    cx.mutate(move |tx| {
        let note = store::pin_note(tx, input.note_id, input.is_pinned)?.ok_or(crate::Error::NotFound)?;
        refuse_oneself(tx, note.user_id)?;
        audit::record(tx, audit::Entry::new("moderation.pin_note").user(note.user_id).after(&note))?;
        Ok(note)
    })
    .await
}
