/* SPDX-License-Identifier: BSD-2-Clause */
/* confusable_table: private to confusable.c: which characters look like which plain letters. */
#ifndef VOUCH_FILTER_CONFUSABLE_TABLE_H
#define VOUCH_FILTER_CONFUSABLE_TABLE_H

#include <stdint.h>

struct confusable_twins {
    const char *plain;
    const char *like; /* UTF-8, one behind the other */
};

/* Twins of other scripts: they look the same. */
static const struct confusable_twins foreign_twins[] = {
    {"a", "аɑαΑАӑӓ"},
    {"b", "ЬьВвΒßвᏏ"},
    {"c", "сСϲⅽⅭ"},
    {"d", "ԁⅾ"},
    {"e", "еЕΕҽєεёЁЀѐ"},
    {"f", "ƒϝ"},
    {"g", "ɡցԌ"},
    {"h", "һНнΗհҺ"},
    {"i", "іІΙιɩıїЇίΐϊ"},
    {"j", "јЈϳյ"},
    {"k", "кКκΚқҚ"},
    {"l", "ⅼӀӏⅠ∣ǀ"},
    {"m", "мМΜⅿ"},
    {"n", "ոηήΝпᴨ"},
    {"o", "оОοΟσόöծՕօ०ӧ"},
    {"p", "рРρΡ"},
    {"q", "ԛգզ"},
    {"r", "гᴦг"},
    {"s", "ѕЅʂ"},
    {"t", "тТτΤ"},
    {"u", "υսцύϋ"},
    {"v", "νѵⅴѴ"},
    {"w", "ԝшωщώԜ"},
    {"x", "хХχΧⅹҳ"},
    {"y", "уУγΥҮүўЎ"},
    {"z", "ΖᴢԀ"},
};

/* The same script with something added. */
static const struct confusable_twins accented[] = {
    {"a", "àáâãäåāăąǎǟǻȁȃȧạảấầẩẫậắằẳẵặªÀÁÂÃÄÅĀĂĄǍẠẢẤẦẨẪẬẮẰẲẴẶ"},
    {"ae", "æÆǽ"},
    {"b", "ḃḅḇƀɓ"},
    {"c", "çćĉċčƈȼÇĆĈĊČ"},
    {"d", "ďđḍḏḑɖɗÐðĎĐ"},
    {"e", "èéêëēĕėęěȅȇȩẹẻẽếềểễệÈÉÊËĒĔĖĘĚẸẺẼẾỀỂỄỆ"},
    {"f", "ḟ"},
    {"g", "ĝğġģǥǧǵɠĜĞĠĢ"},
    {"h", "ĥħȟḣḥḧḩḫĤĦ"},
    {"i", "ìíîïĩīĭįǐȉȋịỉÌÍÎÏĨĪĬĮİỊỈ"},
    {"j", "ĵǰĴ"},
    {"k", "ķĸƙǩḱḳḵĶ"},
    {"l", "ĺļľŀłḷḹḻḽƚĹĻĽŁ"},
    {"m", "ḿṁṃ"},
    {"n", "ñńņňŉŋǹṅṇṉṋÑŃŅŇŊ"},
    {"o", "òóôõöøōŏőơǒǫǭȍȏȯọỏốồổỗộớờởỡợºÒÓÔÕÖØŌŎŐƠỌỎỐỒỔỖỘỚỜỞỠỢ"},
    {"oe", "œŒ"},
    {"p", "ṕṗƥ"},
    {"r", "ŕŗřȑȓṙṛṝṟŔŖŘ"},
    {"s", "śŝşšșṡṣŚŜŞŠȘ"},
    {"t", "ţťŧțṫṭṯṱŢŤŦȚ"},
    {"u", "ùúûüũūŭůűųưǔǖǘǚǜȕȗụủứừửữựÙÚÛÜŨŪŬŮŰŲƯỤỦỨỪỬỮỰ"},
    {"v", "ṽṿ"},
    {"w", "ŵẁẃẅẇẉŴ"},
    {"x", "ẋẍ"},
    {"y", "ýÿŷȳẏỳỵỷỹÝŶŸ"},
    {"z", "źżžƶȥẑẓẕŹŻŽ"},
};

#endif
