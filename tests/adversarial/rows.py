"""The adversarial list (62 rows), and which tests show each of them.

A row has a number, what it says in a few words, and the ids of its tests as pytest and node print
them (without the parameters); or the reason why it does not apply here.
"""

from __future__ import annotations

from dataclasses import dataclass

HANDSHAKE = "tests/adversarial/test_handshake.py::"
FRAMES = "tests/adversarial/test_frames.py::"
CONTENT = "tests/adversarial/test_content.py::"
LOAD = "tests/adversarial/test_load.py::"
SLOW = "tests/adversarial/test_slow.py::"
BLACKBOX = "tests/blackbox/test_"
CORE = "tests/core/test_"
ENGINE = "tests/engine/test_"
CONTRACT = "collabchat_asgi/testing/storage_"


@dataclass(frozen=True, slots=True)
class Row:
    number: int
    says: str
    tests: tuple[str, ...] = ()
    not_applicable: str = ""

    def __str__(self) -> str:
        shown = f"shown by {len(self.tests)}" if self.tests else "not applicable"
        remark = self.not_applicable or ", ".join(test.split("::")[-1] for test in self.tests)
        return f"{self.number:2}  {self.says:44}  {shown:14}  {remark}"

    def as_markdown(self) -> str:
        """A line of the table in tests/README.md."""
        return f"| {self.number} | {self.says} | {len(self.tests) or self.not_applicable} |"


def row(number: int, says: str, *tests: str) -> Row:
    return Row(number, says, tests)


ORIGINS = f"{HANDSHAKE}test_rows_1_to_4_an_origin_that_is_not_ours"
FOREIGN_ORIGIN = f"{BLACKBOX}handshake.py::test_a_foreign_origin_is_403_before_accept"
FOREIGN_ID = f"{BLACKBOX}tenants.py::test_a_foreign_id_and_an_unknown_id_get_one_answer"
BAD_FIELDS = f"{BLACKBOX}frames.py::test_a_bad_field_is_named"

ROWS = [
    # A. Handshake
    row(1, "a foreign Origin with a cookie", ORIGINS, FOREIGN_ORIGIN),
    row(2, "Origin null", ORIGINS, FOREIGN_ORIGIN),
    row(3, "look-alike Origins", ORIGINS, FOREIGN_ORIGIN),
    row(4, "malformed Origins", ORIGINS),
    row(
        5,
        "an Origin in other letters, with its port",
        f"{HANDSHAKE}test_row_5_an_origin_is_compared_as_a_browser_means_it",
    ),
    row(6, "two Origins", f"{HANDSHAKE}test_row_6_two_origins_are_none"),
    row(
        7,
        "no Origin (PROTOCOL 3: not a browser)",
        f"{BLACKBOX}handshake.py::test_an_honest_origin_is_let_in",
        f"{BLACKBOX}handshake.py::test_the_hook_reads_cookies_and_headers",
    ),
    row(8, "a crooked Host", f"{HANDSHAKE}test_row_8_a_crooked_host_fails_closed"),
    row(
        9,
        "a root_path that is half a name",
        f"{HANDSHAKE}test_row_9_a_root_path_is_taken_off_whole_or_not_at_all",
        "tests/asgi/test_edge.py::test_root_paths",
    ),
    row(
        10,
        "paths beside the exact one",
        f"{HANDSHAKE}test_row_10_only_the_exact_path_is_ours",
        "tests/asgi/test_edge.py::test_what_is_not_ours_passes_untouched",
    ),
    row(
        11,
        "GET without Upgrade, and other methods",
        f"{HANDSHAKE}test_row_11_only_get_is_hinted",
        f"{BLACKBOX}handshake.py::test_a_plain_get_is_426_with_a_hint",
    ),
    row(12, "thousands of headers", f"{HANDSHAKE}test_row_12_many_headers_are_answered"),
    row(
        13,
        "a token among the subprotocols",
        f"{HANDSHAKE}test_row_13_a_bearer_is_read_and_never_echoed",
        f"{BLACKBOX}handshake.py::test_a_bearer_subprotocol_is_read_and_never_echoed",
        f"{CONTENT}test_rows_56_and_57_logs_hold_no_secret_and_one_line_per_event",
    ),
    row(
        14,
        "200 subprotocols, garbage for a token",
        f"{HANDSHAKE}test_row_14_two_hundred_subprotocols",
        f"{HANDSHAKE}test_row_14_a_bearer_of_garbage_is_nobody",
    ),
    row(
        15,
        "a hook raises, hangs, returns nonsense",
        "tests/asgi/test_hanging_hooks.py::test_h26_the_host_answers_beside_forty_hanging_hooks",
        "tests/asgi/test_hanging_hooks.py::test_h26_a_thread_that_was_given_up_still_counts",
        f"{ENGINE}people.py::test_h13_authenticate",
        f"{ENGINE}people.py::test_h13_authorize",
        f"{BLACKBOX}handshake.py::test_who_may_not_come_in",
    ),
    row(
        16,
        "a client leaves while its hook runs",
        f"{HANDSHAKE}test_row_16_who_leaves_while_the_hook_runs_leaves_nothing",
        "tests/asgi/test_edge.py::test_a_disconnect_before_hello_leaves_nothing",
    ),
    row(17, "a token in the URL", f"{HANDSHAKE}test_row_17_a_token_in_the_url_is_not_read"),
    Row(18, "URL tickets", not_applicable="PROTOCOL has none: a token never travels in a URL"),
    # B. Authentication during life
    row(
        19,
        "a token runs out",
        f"{BLACKBOX}handshake.py::test_what_ran_out_is_closed",
        f"{BLACKBOX}handshake.py::test_a_bad_refresh_keeps_the_old_identity",
    ),
    row(
        20,
        "refresh with another user's token",
        f"{BLACKBOX}handshake.py::test_another_users_token_closes",
    ),
    row(
        21,
        "revoked on another process",
        f"{ENGINE}people.py::test_h14_revoked_on_every_process",
        f"{ENGINE}people.py::test_h14_a_lost_hint_is_caught_by_the_sweep",
        f"{ENGINE}people.py::test_h14_revoked_while_authenticate_runs",
    ),
    row(22, "forged JWTs", "tests/auth/test_jwt.py::test_attacks"),
    row(
        23,
        "a permission is withdrawn",
        f"{ENGINE}revalidation.py::test_who_may_not_read_any_more_is_unsubscribed",
        f"{ENGINE}revalidation.py::test_a_lesser_role_holds_from_then_on",
        f"{ENGINE}lanes.py::test_h15_a_no_at_the_second_asking_is_a_no",
    ),
    # C. Tenant isolation
    row(24, "ids of another tenant", FOREIGN_ID),
    row(
        25,
        "a position of another tenant",
        f"{CONTENT}test_row_25_a_position_of_another_tenant_recovers_nothing",
        f"{BLACKBOX}subscriptions.py::test_a_position_from_elsewhere_gets_the_page",
    ),
    row(
        26,
        "an operation claims author, tenant, time",
        f"{CONTENT}test_row_26_what_a_client_claims_is_not_believed",
        f"{BLACKBOX}frames.py::test_unknown_keys_are_neither_stored_nor_relayed",
    ),
    row(
        27,
        "hostile names",
        f"{CONTENT}test_row_27_hostile_names_never_meet",
        f"{CONTENT}test_row_27_names_that_are_none",
        f"{ENGINE}hints.py::test_no_user_text_reaches_the_bus_in_topics",
        f"{CONTRACT}reading.py::test_hostile_names",
    ),
    row(
        28,
        "people of another tenant are not counted",
        f"{BLACKBOX}tenants.py::test_presence_counts_one_tenant",
    ),
    row(
        29,
        "garbage on the bus",
        f"{ENGINE}hints.py::test_h09_strange_hints_change_nothing",
        "tests/pubsub/test_redis_faults.py::test_what_others_publish_changes_nothing",
        "tests/pubsub/test_postgres.py::test_strangers_on_the_channel_change_nothing",
        "tests/pubsub/test_local.py::test_forged_datagrams_are_dropped",
    ),
    row(
        30,
        "usage of another tenant is not counted",
        f"{CONTENT}test_row_30_a_bill_has_nothing_of_another_tenant",
        f"{BLACKBOX}usage.py::test_messages_and_bytes_are_what_clients_counted",
    ),
    # D. Frames
    row(
        31,
        "frames that are too large",
        f"{FRAMES}test_row_31_seventeen_mib_are_not_parsed",
        f"{BLACKBOX}frames.py::test_a_larger_frame_closes",
        f"{CORE}session.py::test_a_frame_is_counted_in_bytes",
    ),
    row(32, "a deflate bomb", f"{FRAMES}test_row_32_a_deflate_bomb_is_closed"),
    row(33, "a byte a second", f"{SLOW}test_row_33_a_byte_a_second_is_silence"),
    row(
        34,
        "what is no frame",
        f"{BLACKBOX}frames.py::test_what_is_no_frame_closes",
        f"{CORE}frames.py::test_what_is_no_frame_closes",
    ),
    row(35, "bad UTF-8", f"{FRAMES}test_row_35_bad_utf_8"),
    row(
        36,
        "absurd JSON",
        f"{FRAMES}test_row_36_absurd_json_is_answered",
        f"{CORE}frames.py::test_nesting_is_answered_at_every_depth",
        f"{CORE}frames.py::test_no_frame_costs_much",
    ),
    row(
        37,
        "integers beyond JavaScript's",
        BAD_FIELDS,
        f"{CORE}frames.py::test_a_bad_field_is_named",
        f"{CORE}frames.py::test_integers_as_far_as_javascript_counts",
    ),
    row(
        38,
        "repeated, unknown and magic keys",
        f"{CORE}frames.py::test_of_a_repeated_key_the_last_counts_and_a_type_is_never_two",
        f"{CORE}frames.py::test_unknown_keys_are_dropped_everywhere",
        f"{CORE}frames.py::test_any_frame_gone_wrong",
    ),
    row(
        39,
        "odd characters in a body",
        BAD_FIELDS,
        f"{BLACKBOX}frames.py::test_too_long_is_its_own_answer",
        f"{BLACKBOX}frames.py::test_every_honest_body_arrives_trimmed",
        f"{CONTENT}test_row_59_every_text_is_stored_as_it_is",
    ),
    row(
        40,
        "one operation sent many times at once",
        f"{CONTENT}test_row_40_a_hundred_times_at_once_is_once",
        f"{BLACKBOX}idempotency.py::test_sent_twice_at_once_is_one",
        f"{CONTRACT}living.py::test_the_same_at_once_is_written_once",
    ),
    row(
        41,
        "one id for two operations",
        f"{BLACKBOX}idempotency.py::test_the_same_id_with_other_content_is_a_conflict",
        f"{BLACKBOX}idempotency.py::test_the_same_id_with_another_type_is_a_conflict",
        f"{BLACKBOX}idempotency.py::test_the_same_id_from_another_user_is_a_conflict",
    ),
    Row(42, "batches of operations", not_applicable="PROTOCOL has none: one frame, one operation"),
    row(
        43,
        "frames before hello",
        f"{FRAMES}test_row_43_only_hello_comes_before_hello",
        f"{BLACKBOX}handshake.py::test_a_hello_over_8_kib_closes",
        f"{BLACKBOX}handshake.py::test_no_hello_in_time_closes",
        f"{BLACKBOX}handshake.py::test_nothing_behind_a_failed_hello_is_done",
    ),
    row(
        44,
        "a flood of pings and pongs",
        f"{FRAMES}test_row_44_a_flood_of_pings_and_pongs_is_cut",
        f"{CORE}flow.py::test_whoever_never_answers_costs_a_bounded_memory",
    ),
    row(
        45,
        "unknown types and versions",
        f"{HANDSHAKE}test_row_45_another_version_only_is_told_to_reload",
        f"{HANDSHAKE}test_row_45_a_type_from_the_future_is_unsupported",
        f"{BLACKBOX}handshake.py::test_a_client_of_another_version_only_is_told_to_reload",
        f"{BLACKBOX}frames.py::test_an_unknown_type_is_unsupported",
    ),
    # E. Load
    row(
        46,
        "200 frames a second",
        f"{LOAD}test_row_46_two_hundred_frames_a_second_are_cut",
        f"{BLACKBOX}frames.py::test_two_hundred_frames_in_ten_seconds_are_too_many",
    ),
    row(
        47,
        "more connections than a user may have",
        f"{FRAMES}test_row_47_the_51st_connection_of_a_user_is_one_too_many",
        f"{BLACKBOX}closing.py::test_more_connections_than_a_user_may_have",
    ),
    row(
        48,
        "half-open handshakes",
        f"{LOAD}test_row_48_half_open_handshakes_do_not_slow_the_host",
    ),
    row(
        49,
        "a client that never reads",
        f"{SLOW}test_row_49_who_never_reads_is_evicted_and_costs_little",
        f"{ENGINE}outbound.py::test_a_slow_reader_costs_no_queue",
        f"{ENGINE}outbound.py::test_h04_forged_pongs_open_nothing",
    ),
    row(
        50,
        "100 hostile beside 100 honest",
        f"{LOAD}test_row_50_a_hundred_hostile_and_a_hundred_honest",
    ),
    row(
        51,
        "more pages than a connection may have",
        f"{FRAMES}test_row_51_the_129th_page_is_one_too_many",
        f"{BLACKBOX}subscriptions.py::test_more_than_128_pages_are_too_many",
        f"{ENGINE}supervision.py::test_idle_pages_leave_and_used_ones_stay",
    ),
    row(
        52,
        "thousands of visits",
        f"{LOAD}test_row_52_a_thousand_visits_leave_nothing",
    ),
    # F. Content and output
    row(
        53,
        "markup in every text (browser)",
        "tests/browser/test_page.py::test_hostile_names_bodies_and_links_are_text",
        "tests/client/words.test.js::a name cannot turn its line around or hide",
    ),
    row(
        54,
        "hostile selectors (browser)",
        "tests/client/anchor.test.js::hostile selectors come to an end, and find nothing",
        f"{CORE}validation.py::test_selectors",
    ),
    row(
        55,
        "ids such as __proto__ (browser)",
        "tests/convergence/hostile.test.js::hostile servers: no throw, no storm",
    ),
    row(
        56,
        "line breaks and escapes in logs",
        f"{CONTENT}test_rows_56_and_57_logs_hold_no_secret_and_one_line_per_event",
    ),
    row(
        57,
        "secrets in logs and errors",
        f"{CONTENT}test_rows_56_and_57_logs_hold_no_secret_and_one_line_per_event",
        "tests/storage/test_postgres.py::test_errors_do_not_tell_texts",
        "tests/storage/test_sqlite.py::test_errors_do_not_tell_texts",
    ),
    row(
        58,
        "labels of metrics",
        "tests/asgi/test_metrics.py::test_what_a_person_does_is_counted",
    ),
    row(
        59,
        "SQL in every text",
        f"{CONTENT}test_row_59_every_text_is_stored_as_it_is",
        f"{CONTRACT}reading.py::test_hostile_names",
    ),
    row(
        60,
        "Redis protocol and Lua in values",
        f"{CONTRACT}reading.py::test_hostile_names",
        f"{CONTRACT}writing.py::test_bytes_come_back_as_they_were",
        "tests/pubsub/test_redis_faults.py::test_a_payload_that_is_too_large",
    ),
    row(
        61,
        "the inner app is untouched",
        "tests/hosts/test_untouched.py::test_random_scopes",
        "tests/asgi/test_edge.py::test_what_is_not_ours_passes_untouched",
    ),
    row(
        62,
        "no large message on the bus",
        f"{ENGINE}hints.py::test_h09_a_hint_that_is_too_large_says_read_the_log",
        "tests/pubsub/test_redis_faults.py::test_a_payload_that_is_too_large",
        "tests/pubsub/test_local.py::test_a_payload_that_is_too_large",
    ),
]
