/* One byte at a time through RFC 4180, with a line feed behind each record.
 *
 *     FIELD --"--> QUOTED --"--> QUOTE --"--> QUOTED         FIELD, PLAIN, QUOTE: `,` ends a field, a feed the record
 *       '--other--> PLAIN                                    anything else behind a closing quote is malformed
 *
 * The first record is the header. Every other one has as many fields, and its second field is a change's number. */
#include "connectors/sink_file/content/csv_read.h"

static void end_record(struct mr_csv_reader *reader)
{
    struct mr_file_found *found = &reader->found;

    if (reader->columns == 0) {
        reader->columns = reader->fields;
    } else {
        reader->malformed |= reader->fields != reader->columns;
        if (found->records == 0)
            found->first = reader->number;
        else
            reader->unordered |= reader->number < found->last;
        found->last = reader->number;
        found->records++;
    }
    reader->fields = reader->number = 0;
    reader->begun = false;
}

static void end_field(struct mr_csv_reader *reader, char byte)
{
    reader->fields++;
    reader->at = MR_CSV_FIELD;
    if (byte == '\n')
        end_record(reader);
}

static void take_plain(struct mr_csv_reader *reader, char byte)
{
    reader->malformed |= byte == '"' || byte == '\r';
    reader->at = MR_CSV_PLAIN;
    if (reader->fields != 1 || reader->columns == 0)
        return;
    if (byte < '0' || byte > '9')
        reader->malformed = true;
    else
        reader->number = reader->number * 10 + (uint64_t)(byte - '0');
}

void mr_csv_take(void *state, const char *bytes, size_t size)
{
    struct mr_csv_reader *reader = state;

    for (size_t i = 0; i < size; i++) {
        char byte = bytes[i];
        bool ends = byte == ',' || byte == '\n';
        reader->begun = true;
        if (reader->at == MR_CSV_QUOTED)
            reader->at = byte == '"' ? MR_CSV_QUOTE : MR_CSV_QUOTED;
        else if (ends)
            end_field(reader, byte);
        else if (byte == '"' && (reader->at == MR_CSV_FIELD || reader->at == MR_CSV_QUOTE))
            reader->at = MR_CSV_QUOTED;
        else if (reader->at == MR_CSV_QUOTE)
            reader->malformed = true;
        else
            take_plain(reader, byte);
    }
}

void mr_csv_end(void *state, struct mr_file_found *ret_found)
{
    struct mr_csv_reader *reader = state;

    *ret_found = reader->found;
    ret_found->whole = !reader->begun && !reader->malformed && reader->columns > 0;
    ret_found->ascending = !reader->unordered;
}
