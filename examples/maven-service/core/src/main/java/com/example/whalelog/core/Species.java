package com.example.whalelog.core;

public enum Species {
    SPERM_WHALE,
    FIN_WHALE,
    HUMPBACK_WHALE,
    MINKE_WHALE,
    ORCA
}
