def main() -> None:
    print("tick")
